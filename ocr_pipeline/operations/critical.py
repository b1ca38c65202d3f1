"""Tokens that must be right (doses, codes, dates, resident numbers), and what a reading made of them.

The danger is a token read wrongly by a recogniser that was sure of it, on a page that no person will see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ocr_pipeline.domain.fields import core, critical_kinds
from ocr_pipeline.domain.measures import edit_distance, normalise
from ocr_pipeline.domain.text import PageText

_LONGEST_WINDOW = 4
_ALIKE = 0.5
_KOREAN_DATE_PART = re.compile(r"\d+[년월일]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Misread:
    """A critical token of the truth that is not in the reading.

    `read` is what most likely stands in its place, empty where nothing does. `silent`: the recogniser was as sure of it
    as the threshold asks. `slipped`: and the page as a whole would be accepted.
    """

    kind: str
    truth: str
    read: str
    confidence: float
    silent: bool
    slipped: bool


@dataclass(frozen=True, slots=True)
class CriticalTally:
    """How many critical tokens the truth has, and those that were not read."""

    total: int
    misread: tuple[Misread, ...]

    def to_json(self, *, with_texts: bool = False) -> dict[str, Any]:
        """A plain structure; truths and readings only where asked for."""
        return {
            "total": self.total,
            "misread": [
                {
                    "kind": each.kind,
                    "confidence": round(each.confidence, 4),
                    "silent": each.silent,
                    "slipped": each.slipped,
                    **({"truth": each.truth, "read": each.read} if with_texts else {}),
                }
                for each in self.misread
            ],
        }


@dataclass(frozen=True, slots=True)
class _Window:
    """A few words of a line that may be one token: their text without spaces, the least confidence, the page's fate."""

    text: str
    confidence: float
    accepted: bool


def critical_tokens(text: str) -> tuple[tuple[str, str], ...]:
    """Find kind and text (without spaces) of each critical token; `15 mg` and `2024년 3월 5일` are one each."""
    return tuple(token for line in text.splitlines() for token in _tokens_of(normalise(line).split()))


def tally(truth: str, pages: Sequence[tuple[PageText, bool]], threshold: float) -> CriticalTally:
    """Compare the critical tokens of a truth with the pages read, each told whether it would be accepted.

    Where a token stands does not count, nor how it is spaced, so that uncertain reading orders do no harm.
    """
    wanted = Counter(critical_tokens(truth))
    text = "\n".join(normalise(line.text) for page, _ in pages for line in page.lines)
    lost = [pair for pair, count in wanted.items() for _ in range(count - _occurrences(pair[1], text, count))]
    known = {core(word) for word in normalise(truth).split()}
    tokens = [token for _, token in wanted]
    windows = (
        [window for page, accepted in pages for window in _windows(page, tokens, accepted=accepted)] if lost else []
    )
    strange = [window for window in windows if window.text not in known]
    return CriticalTally(wanted.total(), tuple(_misread(kind, token, strange, threshold) for kind, token in lost))


def _tokens_of(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    kinds = critical_kinds(words)
    at = 0
    while at < len(words):
        kind, end = kinds[at], at + 1
        if kind is not None:
            while end < len(words) and kinds[end] == kind and _continues(words[end - 1], words[end]):
                end += 1
            yield kind, core("".join(words[at:end]))
        at = end


def _continues(word: str, following: str) -> bool:
    dose = _NUMBER.fullmatch(word) is not None and not following[0].isdigit()
    both = (_KOREAN_DATE_PART.fullmatch(core(word)), _KOREAN_DATE_PART.fullmatch(core(following)))
    return dose or (all(both) and core(following)[-1] != "년")


def _occurrences(token: str, text: str, most: int) -> int:
    """How often the token stands in the text on its own, with any spaces in it, counted up to `most`."""
    before = r"(?<![\d.,])" if token[0].isdigit() else r"(?<![0-9A-Za-z])"
    after = r"(?![\d])(?!\.\d)" if token[-1].isdigit() else r"(?![A-Za-z])"
    pattern = before + r" ?".join(map(re.escape, token)) + after
    return min(most, sum(1 for _ in re.finditer(pattern, text)))


def _windows(page: PageText, tokens: Sequence[str], *, accepted: bool) -> Iterator[_Window]:
    """Short runs of words, leaving out the words of tokens that were read rightly."""
    for line in page.lines:
        right: set[int] = set()
        spans = [(at, at + size) for size in range(1, _LONGEST_WINDOW + 1) for at in range(len(line.words) - size + 1)]
        for start, end in spans:
            text = normalise(" ".join(word.text for word in line.words[start:end]))
            if right.isdisjoint(range(start, end)) and any(_occurrences(token, text, 1) for token in tokens):
                right.update(range(start, end))
        for start, end in spans:
            if right.isdisjoint(range(start, end)):
                part = line.words[start:end]
                text = core(normalise("".join(word.text for word in part)))
                yield _Window(text, min(word.confidence for word in part), accepted)


def _misread(kind: str, token: str, windows: Sequence[_Window], threshold: float) -> Misread:
    alike = [(edit_distance(token, window.text), at) for at, window in enumerate(windows) if window.text]
    best, at = min(alike, default=(len(token), -1))
    if at < 0 or best > _ALIKE * len(token):
        return Misread(kind, token, "", 0.0, silent=False, slipped=False)
    window = windows[at]
    silent = window.confidence >= threshold
    return Misread(kind, token, window.text, window.confidence, silent, silent and window.accepted)
