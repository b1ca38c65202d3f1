"""Guards on a page's text while it is generated: a model that goes round in circles is cut short."""

from __future__ import annotations

from itertools import chain

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.generation import FinishReason
from ocr_pipeline.recognition.streaming.cycles import Cycle, CycleFinder, Place
from ocr_pipeline.recognition.streaming.expected import ExpectedText
from ocr_pipeline.recognition.streaming.rules import LoopRules, StreamRules
from ocr_pipeline.recognition.streaming.symbols import Folding, Symbol, SymbolReader

__all__ = ["StreamGuards", "StreamRules"]

# At the end of a text that was cut for length, less is needed to see that it was a loop which made it long.
_ROUNDS_AT_END, _REPEATED_AT_END = 6.0, 150


class StreamGuards:
    """Follows one page while it is generated. Work for each token and memory do not grow with the page.

    The text is followed twice: as it stands, and with its numbers and the lengths of its dots and gaps folded away.
    """

    def __init__(self, rules: StreamRules, expected: ExpectedText | None) -> None:
        self._loops = LoopRules(rules, expected)
        self._reader = SymbolReader()
        self._folding = Folding()
        self._exact = CycleFinder(rules.longest_period)
        self._folded = CycleFinder(rules.longest_period)
        self._here = Place(0, 0)
        self._after_space = False
        self._written = 0
        self._length = 0
        self._kept: int | None = None
        self._reason: PageReason | None = None

    @property
    def kept_text_end(self) -> int:
        """How many characters of the text to keep: all, or up to the end of a loop's first round."""
        return self._length if self._kept is None else self._kept

    def feed(self, token_text: str) -> PageReason | None:
        """Follow what one token wrote; a reason when generating is to stop now."""
        self._length += len(token_text)
        if self._reason is None:
            said = (self._follow(symbol) for symbol in self._reader.read(token_text))
            self._reason = next((reason for reason in said if reason is not None), None)
        return self._reason

    def finish(self, finish_reason: FinishReason | None) -> tuple[PageReason, ...]:
        """All that is to be said against the text at its end; `finish_reason` is None when it was cut from here."""
        if self._reason is None and finish_reason in {FinishReason.LENGTH, FinishReason.REPETITION}:
            self._look_back(certain=finish_reason is FinishReason.REPETITION)
        reasons = () if self._reason is None else (self._reason,)
        return (*reasons, PageReason.TRUNCATED) if finish_reason is FinishReason.LENGTH else reasons

    def _follow(self, symbol: Symbol) -> PageReason | None:
        self._written += symbol.text.isalnum()
        self._exact.add(symbol.text, self._here)
        folded = self._folding.fold(symbol.text)
        if folded is not None:
            self._folded.add(folded, self._here)
        self._step_past(symbol)
        loop = self._loop_start()
        if loop is not None:
            self._kept = loop.characters
            return PageReason.REPETITION
        return PageReason.IMPOSSIBLE_LENGTH if self._loops.is_impossible(self._written) else None

    def _step_past(self, symbol: Symbol) -> None:
        space = symbol.text.isspace()
        self._here = Place(self._here.symbols + (not (space and self._after_space)), symbol.end)
        self._after_space = space

    def _loop_start(self) -> Place | None:
        """Where the first round of a loop ends, None where there is no loop."""
        staleness = self._exact.staleness
        for cycle in chain(self._exact.cycles, self._folded.cycles):
            if self._loops.is_loop(cycle, self._length_of(cycle), self._written, staleness):
                return cycle.start
        since = self._exact.stale_since
        if since is not None and self._loops.is_stale(self._length_from(since), self._written, staleness):
            return since
        return None

    def _length_of(self, cycle: Cycle) -> int:
        return self._length_from(cycle.start) if cycle.round.visible else cycle.repeated

    def _length_from(self, start: Place) -> int:
        return self._here.symbols - start.symbols

    def _look_back(self, *, certain: bool) -> None:
        """Whether a text that ended for its length, or for what the server took for a loop, went round in circles."""
        cycles = chain(self._exact.cycles, self._folded.cycles)
        longest = max(cycles, key=lambda cycle: cycle.repeated, default=None)
        if certain or (longest and longest.rounds >= _ROUNDS_AT_END and longest.repeated >= _REPEATED_AT_END):
            self._reason = PageReason.REPETITION
            self._kept = None if longest is None else longest.start.characters
