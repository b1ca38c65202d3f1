"""Which words of one reading stand for which words of another, whatever the order of their lines.

First what both share beyond doubt (`anchors`); then what lies between, word against word (`gaps`); then stretches that
are left over, by likeness. No step follows one global order: columns may be merged, cells read in another order.

On pages of n and m words the anchors take n + m steps; each gap of p words is walked over at most 80 by 80 words, so at
most 80 places a word, 17 comparisons each; leftovers take twice 64 by 64 comparisons, and each stretch is walked over
once. Words are compared in full up to 1,000 letters. Two pages of 2,000 words with nothing in common take about half a
second, two readings of one such page a tenth of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from rapidfuzz.distance import Levenshtein

from ocr_pipeline.recognition.agreement.anchors import NOBODY, Links, anchored
from ocr_pipeline.recognition.agreement.folding import FoldedPage
from ocr_pipeline.recognition.agreement.gaps import pairings, similarity

_LONGEST_GAP = 40
_SHORT_GAP = 8
_MOST_LEFTOVERS = 64
_ALIKE = 0.5
_STRETCHES_ALIKE = 0.6
_WORDS_ALIKE = 0.75
_LEAST_LEFTOVER = 4


class Kind(StrEnum):
    """How a word of the first reading stands to the second."""

    AGREE = "agree"
    SPACING = "spacing"
    DIFFER = "differ"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Match:
    """A word's standing and its partners: places of words in the second reading, in reading order."""

    kind: Kind
    partners: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Alignment:
    """A match for each word of the first reading, and the places of the second reading's words that nobody matched."""

    matches: tuple[Match, ...]
    missed: tuple[int, ...]


def align(first: FoldedPage, second: FoldedPage) -> Alignment:
    """Match the words of two readings of one page."""
    return _Aligner(first.texts, second.texts).run()


class _Aligner:
    """Fills in matches step by step. A word is free until it has a match."""

    def __init__(self, first: Sequence[str], second: Sequence[str]) -> None:
        self._first, self._second = first, second
        self._links = Links(first, second)
        self._matches: list[Match | None] = [None] * len(first)
        self._taken = [False] * len(second)

    def run(self) -> Alignment:
        self._links = anchored(self._first, self._second)
        for one, other in enumerate(self._links.forth):
            if other != NOBODY:
                self._settle(Kind.AGREE, one, (other,))
        for run in list(_free(self._matches)):
            self._align_gap(run)
        self._pair_leftovers()
        self._pair_equal_counts()
        missed = tuple(at for at, taken in enumerate(self._taken) if not taken)
        return Alignment(tuple(match or Match(Kind.UNSEEN) for match in self._matches), missed)

    def _settle(self, kind: Kind, one: int, others: Sequence[int]) -> None:
        self._matches[one] = Match(kind, tuple(others))
        for other in others:
            self._taken[other] = True

    def _align_gap(self, run: range) -> None:
        """Align a free stretch with what is free behind its left neighbour's partner and before its right one's.

        Where the two are one short stretch, it stands in the same place, and even words that are not alike pair up.
        """
        behind, before = self._beside(run)
        near = [*behind[:_LONGEST_GAP], *before[-_LONGEST_GAP:]]
        same = behind == before
        short = same and max(len(run), len(behind)) <= _SHORT_GAP
        self._align(_ends(run), sorted(set(near)) if same else near, 0.0 if short else _ALIKE)

    def _beside(self, run: range) -> tuple[list[int], list[int]]:
        left = max(self._partners(run.start - 1), default=-1 if run.start == 0 else None)
        right = min(self._partners(run.stop), default=len(self._second) if run.stop == len(self._first) else None)
        behind = self._stretch(left + 1, 1) if left is not None else []
        before = self._stretch(right - 1, -1)[::-1] if right is not None else []
        return behind, before

    def _partners(self, at: int) -> tuple[int, ...]:
        match = self._matches[at] if 0 <= at < len(self._matches) else None
        return match.partners if match else ()

    def _stretch(self, start: int, step: int) -> list[int]:
        """Free words of the second reading from here on."""
        found: list[int] = []
        while 0 <= start < len(self._taken) and not self._taken[start]:
            found.append(start)
            start += step
        return found

    def _align(self, ones: Sequence[int], others: Sequence[int], least: float) -> None:
        first, second = [self._first[at] for at in ones], [self._second[at] for at in others]
        for pairing in pairings(first, second, least):
            self._match([ones[at] for at in pairing.first], [others[at] for at in pairing.second])

    def _match(self, ones: Sequence[int], others: Sequence[int]) -> None:
        """Settle words that stand for one another. Where letters differ, only the words they touch do."""
        one = "".join(self._first[at] for at in ones)
        other = "".join(self._second[at] for at in others)
        if len(ones) == len(others) == 1:
            self._settle(Kind.AGREE if one == other else Kind.DIFFER, ones[0], others)
            return
        touched = {edit.src_pos for edit in Levenshtein.editops(one, other)} or self._split_numbers(ones, others)
        start = 0
        for at in ones:
            end = start + len(self._first[at])
            differs = any(start - 1 <= place <= end for place in touched)
            self._settle(Kind.DIFFER if differs else Kind.SPACING, at, others)
            start = end

    def _split_numbers(self, ones: Sequence[int], others: Sequence[int]) -> set[int]:
        """Places where only one reading has a space, inside a number: `5 10` is not `510`."""
        letters = "".join(self._first[at] for at in ones)
        first, second = (
            set(accumulate(len(texts[at]) for at in places))
            for texts, places in ((self._first, ones), (self._second, others))
        )
        return {at for at in first ^ second if letters[at - 1].isdecimal() and letters[at].isdecimal()}

    def _pair_leftovers(self) -> None:
        """Pair stretches that are free in both readings and much alike, wherever they stand; then single words."""
        self._pair_alike(list(self._free_ones()), list(self._free_others()), _STRETCHES_ALIKE)
        self._pair_alike(_singly(self._free_ones()), _singly(self._free_others()), _WORDS_ALIKE)

    def _free_ones(self) -> Iterator[range]:
        return (run for run in _free(self._matches) if self._links.exchanged.isdisjoint(run))

    def _free_others(self) -> Iterator[range]:
        return _free([taken or None for taken in self._taken])

    def _pair_alike(self, ones: Sequence[range], others: Sequence[range], least: float) -> None:
        """Align the pairs of stretches that are most alike, best first."""
        texts = self._longest(self._first, ones), self._longest(self._second, others)
        scored = (
            (-similarity(one, other), first.start, second.start, first, second)
            for first, one in texts[0]
            for second, other in texts[1]
            if min(len(one), len(other)) >= least * max(len(one), len(other))
        )
        walked: tuple[set[int], set[int]] = set(), set()
        for _, _, _, first, second in sorted(pair for pair in scored if -pair[0] >= least):
            if first.start not in walked[0] and second.start not in walked[1]:
                walked[0].add(first.start)
                walked[1].add(second.start)
                self._align(_ends(first), _ends(second), _ALIKE)

    @staticmethod
    def _longest(texts: Sequence[str], runs: Sequence[range]) -> list[tuple[range, str]]:
        """The longest stretches and their letters; short ones are alike by chance."""
        joined = ((run, "".join(texts[at] for at in _ends(run))) for run in runs)
        long = [(run, text) for run, text in joined if len(text) >= _LEAST_LEFTOVER]
        return sorted(long, key=lambda each: -len(each[1]))[:_MOST_LEFTOVERS]

    def _pair_equal_counts(self) -> None:
        """Pair equal words in order where both readings have as many of them left."""
        left = Counter(text for text, match in zip(self._first, self._matches, strict=True) if match is None)
        right = Counter(text for text, taken in zip(self._second, self._taken, strict=True) if not taken)
        places: dict[str, list[int]] = {}
        for at, taken in enumerate(self._taken):
            if not taken:
                places.setdefault(self._second[at], []).append(at)
        for at, text in enumerate(self._first):
            if self._matches[at] is None and left[text] == right[text] and at not in self._links.exchanged:
                self._settle(Kind.AGREE, at, (places[text].pop(0),))


def _ends(run: range) -> list[int]:
    """A stretch, or of a long one its two ends."""
    return list(run) if len(run) <= 2 * _LONGEST_GAP else [*run[:_LONGEST_GAP], *run[-_LONGEST_GAP:]]


def _free(settled: Sequence[object | None]) -> Iterator[range]:
    """Stretches where nothing is settled."""
    start: int | None = None
    for at in range(len(settled) + 1):
        free = at < len(settled) and settled[at] is None
        if free and start is None:
            start = at
        if not free and start is not None:
            yield range(start, at)
            start = None


def _singly(runs: Iterator[range]) -> list[range]:
    return [range(at, at + 1) for run in runs for at in run]
