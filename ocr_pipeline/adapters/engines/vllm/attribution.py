"""Which log-probability belongs to which piece of text.

The text of an answer is what `delta.content` says; the list of log-probabilities names the same tokens a second time.
The two need not keep step: a server that watches for stop strings holds text back, a token in the middle of a
character adds no text, special tokens stand in the list alone, and a list may be short, missing or wrong. Whatever the
list says, the pieces given out join up to the text; a piece that the list does not account for has no log-probability.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterable, Iterator

from ocr_pipeline.adapters.engines.vllm.chunks import Entry
from ocr_pipeline.ports.generation import Token

_MOST_UNSPOKEN = 8
"""Special tokens in a row that may stand in the list and not in the text; beyond that the list contradicts it."""

_NO_TEXT = "\N{REPLACEMENT CHARACTER}"
_BLANKS = re.compile(r"\s*")


class Attribution:
    """Gives out one answer's tokens in order."""

    def __init__(self) -> None:
        # Bytes that are no text become replacement characters here as they do in the text.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._said = ""
        self._given = 0
        self._listed: deque[Token] = deque()

    def add(self, content: str, entries: Iterable[Entry]) -> Iterator[Token]:
        """The tokens that a chunk completes."""
        self._said = self._said[self._given :] + content
        self._given = 0
        self._listed.extend(Token(self._text(entry), entry.logprob) for entry in entries)
        while self._listed:
            listed = self._listed[0]
            end = self._end_of(listed.text)
            if end is not None:
                self._listed.popleft()
                yield self._give(end, listed.logprob)
            elif self._may_become(listed.text):
                return
            elif self._said.startswith(_NO_TEXT, self._given):
                # Bytes that turned out to be no text; the tokens they came from are listed as empty.
                yield self._give(self._given + 1, None)
            elif not self._skip_unspoken():
                self._listed.clear()
        if self._given < len(self._said):
            yield self._give(len(self._said), None)

    def rest(self) -> Iterator[Token]:
        """What was waiting for more when the answer ended: a token of which a stop string took the end."""
        if self._given < len(self._said):
            yield self._give(len(self._said), self._listed[0].logprob if self._listed else None)
        self._listed.clear()

    def _text(self, entry: Entry) -> str:
        if entry.raw is None:
            self._decoder.reset()
            return entry.text
        return self._decoder.decode(entry.raw)

    def _give(self, end: int, logprob: float | None) -> Token:
        text = self._said[self._given : end]
        self._given = end
        return Token(text, logprob)

    def _end_of(self, listed: str) -> int | None:
        """Where a listed token ends in the text, None where the text does not go on with it.

        White space around it does not count: some tokenisers give a word without the blank before it.
        """
        if self._said.startswith(listed, self._given):
            return self._given + len(listed)
        bare, start = listed.strip(), self._after_blanks()
        return start + len(bare) if bare and self._said.startswith(bare, start) else None

    def _may_become(self, listed: str) -> bool:
        """Whether the text so far may be the beginning of a listed token."""
        return self._begins(listed, self._given) or self._begins(listed.lstrip(), self._after_blanks())

    def _begins(self, listed: str, start: int) -> bool:
        return len(self._said) - start < len(listed) and listed.startswith(self._said[start:])

    def _after_blanks(self) -> int:
        blanks = _BLANKS.match(self._said, self._given)
        return blanks.end() if blanks else self._given

    def _skip_unspoken(self) -> bool:
        """Leave out listed tokens up to one that the text goes on with; False where there is none near."""
        for position in range(1, min(len(self._listed), _MOST_UNSPOKEN + 1)):
            text = self._listed[position].text
            if text and (self._end_of(text) is not None or self._may_become(text)):
                for _ in range(position):
                    self._listed.popleft()
                return True
        return False
