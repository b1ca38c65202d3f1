"""When a text that repeats itself is a loop, and when it is a form.

Repeating is no fault by itself: forms hold forty rows alike, lines of dots and empty cells. It is taken for a loop when

- there is more of it than the page can hold: more letters than its ink writes, more empty cells than its rules draw,
  more rows alike than there are on it; or
- it goes on longer than any form does: so many rows, so long a line of dots, so many copies of a whole passage.

Rows that differ only in their numbers repeat as well (`| 1 | ... |`, `| 2 | ... |`), and are given more room, because
charts are full of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.recognition.streaming.cycles import Cycle, Round
from ocr_pipeline.recognition.streaming.expected import ExpectedText


@dataclass(frozen=True, slots=True)
class StreamRules:
    """Where the guards draw their lines. Lengths are in symbols: characters, white space or a tag counting as one.

    - `longest_period`: longer circles are not looked for.
    - `overhead`: letters and digits that the model writes of its own on every page (front matter).
    - `rows` is the most rows alike that a form has, `table` and `empty_table` the most symbols they take; `leader` is
      the longest line of dots or dashes, `inline` the longest run of one word or phrase within a line, `gap` the
      longest white space.
    - Sheets are printed in three copies, so a passage stands `copies` times at most. A passage has as many letters and
      digits as `phrase` within a line, `line` as a line of its own, `row` as a row of cells, `lines` over several
      lines (of which `figures` digits will do), and `numbered_lines` where those differ in their numbers: orders are
      given anew each day.
    - `numbers` is how much more is given to what differs in its numbers.
    - Where the ink is used up, `surely` symbols said again or two rounds of a shorter period are a loop, and so is a
      stretch of which the share `stale` was said before.
    - A text that does not repeat may be `beyond` times what the ink can hold and `spare` letters and digits more:
      handwriting runs together, and is counted short.
    """

    longest_period: int = 600
    overhead: int = 0
    rows: float = 42.0
    table: int = 2_400
    empty_table: int = 1_200
    leader: int = 250
    inline: int = 200
    gap: int = 150
    phrase: int = 30
    line: int = 40
    row: int = 90
    lines: int = 80
    figures: int = 12
    numbered_lines: int = 200
    copies: float = 3.15
    numbers: float = 1.6
    surely: int = 72
    stale: float = 0.9
    beyond: float = 3.0
    spare: int = 300


_FEWEST = 24
# On a page with little ink, lines of dots and repeated words are shorter: in shares of the most that it can hold.
_OF_INK = 0.6
_SHORTEST_LEADER, _SHORTEST = 120, 70
_MOSTLY_STALE, _WELL_BEYOND = 0.5, 1.3


class LoopRules:
    """Tells loops from forms on one page, from what is expected of it and what has been written by now."""

    def __init__(self, rules: StreamRules, expected: ExpectedText | None) -> None:
        self._rules = rules
        self._high = None if expected is None else expected.high + rules.overhead
        self._cells = None if expected is None else expected.cells
        self._alike = None if expected is None else expected.alike

    def is_loop(self, cycle: Cycle, length: int, written: int, staleness: float) -> bool:
        """Whether a cycle that has gone on for `length` symbols is one, after so many letters and digits in all."""
        if length < _FEWEST:
            return False
        held = cycle.round
        if held.signs and self._is_beyond_ink(held, written, staleness):
            return cycle.repeated >= min(2 * cycle.period, self._rules.surely)
        leeway = self._rules.numbers if held.numbered else 1.0
        if cycle.rounds <= self._rules.copies * leeway:
            return False
        if self._is_passage(held) or self._has_more_cells(cycle) or self._has_more_alike(cycle):
            return True
        if held.row_ends and cycle.rounds > self._rules.rows * leeway:
            return True
        return length > self._longest(held) * leeway

    def is_stale(self, length: int, written: int, staleness: float) -> bool:
        """Whether a stretch of this length that says nothing new is a loop, though it is not always the same."""
        if staleness < self._rules.stale:
            return False
        return self.is_ink_used_up(written) or length > 2 * self._rules.table

    def is_ink_used_up(self, written: int) -> bool:
        """Whether more letters and digits are written than the ink can hold."""
        return self._high is not None and written > self._high

    def is_impossible(self, written: int) -> bool:
        """Whether this is far more than the ink can hold, loop or not."""
        return self._high is not None and written > self._rules.beyond * self._high + self._rules.spare

    def _is_beyond_ink(self, held: Round, written: int, staleness: float) -> bool:
        """Whether the ink is used up; well beyond that for rows of other numbers, which may be a chart's own."""
        if held.numbered and staleness < _MOSTLY_STALE:
            return self._high is not None and written > _WELL_BEYOND * self._high
        return self.is_ink_used_up(written)

    def _is_passage(self, held: Round) -> bool:
        # The days of a month in a row say little, however long the row.
        said = min(held.letters if held.numbered else held.signs, held.pieces)
        if held.row_ends > 1 and held.numbered:
            return said >= self._rules.numbered_lines
        if held.row_ends > 1:
            return said >= self._rules.lines or min(held.signs - held.letters, held.pieces) >= self._rules.figures
        if held.row_ends == 1:
            return said >= (self._rules.row if held.cells else self._rules.line)
        return said >= self._rules.phrase

    def _has_more_cells(self, cycle: Cycle) -> bool:
        return self._cells is not None and cycle.round.is_bare and cycle.round.cells * cycle.rounds > self._cells

    def _has_more_alike(self, cycle: Cycle) -> bool:
        held = cycle.round
        if self._alike is None or held.is_bare or held.row_ends != 1:
            return False
        return held.signs * cycle.repeated > self._alike * cycle.period

    def _longest(self, held: Round) -> float:
        if held.row_ends and held.visible:
            return self._rules.empty_table if held.is_bare else self._rules.table
        if not held.visible:
            return self._shorter(self._rules.gap, _SHORTEST)
        if held.signs:
            return self._shorter(self._rules.inline, _SHORTEST)
        return self._shorter(self._rules.leader, _SHORTEST_LEADER)

    def _shorter(self, longest: int, shortest: int) -> float:
        return longest if self._high is None else min(longest, max(shortest, _OF_INK * self._high))
