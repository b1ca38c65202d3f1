"""Finding where a growing text goes round in circles.

A text goes round with period p for as long as each symbol equals the one p places before it. Which p to look at is
told by the last few symbols: where they stood before is where a circle may have begun. Every symbol then either
carries a circle on or ends it, so the work for a symbol does not grow with the text.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from ocr_pipeline.recognition.streaming.symbols import CELL, NUMBER, ROW_END

_GRAM = 8
_PLACES = 3
_MOST_AT_ONCE = 6
# Weight of the last symbol in the running share of what was said before, and when a stretch of that begins.
_WEIGHT = 1 / 64
_STALE = 0.5


class Place(NamedTuple):
    """Between two symbols: so many symbols and so many characters stand before."""

    symbols: int
    characters: int


@dataclass(frozen=True, slots=True)
class Round:
    """What a round holds: letters, letters and digits, cells, ends of rows, and all that is no white space.

    `pieces` counts the different strings of four symbols; `numbered` is whether some number stands for any number.
    """

    letters: int
    signs: int
    cells: int
    row_ends: int
    visible: int
    pieces: int
    numbered: bool

    @property
    def is_bare(self) -> bool:
        """Whether nothing is written in it but the number of a row."""
        return self.signs <= self.numbered

    @classmethod
    def of(cls, symbols: list[str]) -> Round:
        return cls(
            sum(map(str.isalpha, symbols)),
            sum(map(str.isalnum, symbols)),
            symbols.count(CELL),
            symbols.count(ROW_END),
            len(symbols) - sum(map(str.isspace, symbols)),
            len(set(zip(symbols, symbols[1:], symbols[2:], symbols[3:], strict=False))),
            NUMBER in symbols,
        )


@dataclass(slots=True)
class Cycle:
    """A stretch in which each symbol equals the one `period` symbols before: `repeated` of them, from `start` on.

    The first round ends at `start`.
    """

    period: int
    start: Place
    repeated: int
    round: Round

    @property
    def rounds(self) -> float:
        """How often the period stands there, the first time counted, the last one perhaps not whole."""
        return 1 + self.repeated / self.period


class CycleFinder:
    """Follows a text and knows its current cycles of up to `longest` symbols. Remembers only the end of the text.

    `staleness` is the share of the last symbols that stand where they stood before, after the same few; `stale_since`
    is where a stretch of mostly such symbols began, None outside one.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._symbols: list[str] = []
        self._places: list[Place] = []
        self._seen: defaultdict[str, list[int]] = defaultdict(list)
        self._gram = ""
        self._forgotten = 0
        self.cycles: list[Cycle] = []
        self.staleness = 0.0
        self.stale_since: Place | None = None

    def add(self, symbol: str, place: Place) -> None:
        """Follow one more symbol, and remember for whoever asks in which place it stands."""
        self._symbols.append(symbol)
        self._places.append(place)
        self._carry_on()
        self._gram = (self._gram + symbol)[-_GRAM:]
        if len(self._gram) < _GRAM:
            return
        self._look_back(place)
        if len(self._symbols) > 4 * self._longest:
            self._forget()

    def _carry_on(self) -> None:
        if not self.cycles:
            return
        symbol = self._symbols[-1]
        self.cycles = [cycle for cycle in self.cycles if self._symbols[-1 - cycle.period] == symbol]
        for cycle in self.cycles:
            cycle.repeated += 1

    def _look_back(self, place: Place) -> None:
        here = self._forgotten + len(self._symbols)
        before = self._seen[self._gram]
        self.staleness += (bool(before) - self.staleness) * _WEIGHT
        if self.staleness < _STALE:
            self.stale_since = None
        elif self.stale_since is None:
            self.stale_since = place
        for there in reversed(before):
            period = here - there
            if period > self._longest or len(self.cycles) == _MOST_AT_ONCE:
                break
            # A text that goes round with a period goes round with its multiples too.
            if all(period % cycle.period for cycle in self.cycles):
                self.cycles.append(self._traced(period))
        before.append(here)
        del before[:-_PLACES]

    def _traced(self, period: int) -> Cycle:
        """The cycle that is going on with this period, followed back to where it started."""
        symbols = self._symbols
        first = len(symbols) - _GRAM
        while first > period and symbols[first - 1] == symbols[first - 1 - period]:
            first -= 1
        return Cycle(period, self._places[first], len(symbols) - first, Round.of(symbols[-period:]))

    def _forget(self) -> None:
        """Drop all but the last two of the longest periods, and what was seen before them."""
        dropped = len(self._symbols) - 2 * self._longest
        del self._symbols[:dropped], self._places[:dropped]
        self._forgotten += dropped
        kept = {gram: [at for at in places if at > self._forgotten] for gram, places in self._seen.items()}
        self._seen = defaultdict(list, {gram: places for gram, places in kept.items() if places})
