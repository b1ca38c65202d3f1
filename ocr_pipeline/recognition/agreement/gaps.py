"""Short stretches that two readers read differently, word against word.

A least-cost walk over both stretches, as for edit distance, whose steps are: one word for one; a few for a few when
their letters are (nearly) the same and only the spaces differ; a word that only one reader has. The cost of a step is
the share of letters that differ, so that likely misreadings pair up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rapidfuzz.distance import Levenshtein

_ALONE = 0.6
_REGROUPED = 0.1
_REGROUPED_ALIKE = 0.7
_LONGEST_COMPARED = 1000
_MOST_JOINED = 8
_SHAPES = (
    *((1, parts) for parts in range(2, _MOST_JOINED + 1)),
    *((parts, 1) for parts in range(2, _MOST_JOINED + 1)),
    (2, 3),
    (3, 2),
)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Words `first` of one stretch stand for words `second` of the other (offsets into the stretches)."""

    first: range
    second: range


def similarity(one: str, other: str) -> float:
    """Share [0, 1] of letters that agree: 1 - edit distance / length of the longer; of very long texts, 0 or 1."""
    if max(len(one), len(other)) > _LONGEST_COMPARED:
        return float(one == other)
    return Levenshtein.normalized_similarity(one, other)


def pairings(first: Sequence[str], second: Sequence[str], least: float) -> list[Pairing]:
    """Which words stand for which, in order. Single words pair up from a similarity of `least` on.

    Costs at most 17 * len(first) * len(second) comparisons: stretches are to be kept short.
    """
    one, other = _Stretch.of(first), _Stretch.of(second)
    height, width = len(first), len(second)
    best: list[list[float]] = [[0.0] * (width + 1) for _ in range(height + 1)]
    step: list[list[tuple[int, int]]] = [[(0, 0)] * (width + 1) for _ in range(height + 1)]
    for row in range(height + 1):
        for column in range(width + 1):
            if row or column:
                best[row][column], step[row][column] = min(
                    (best[row - down][column - right] + cost, (down, right))
                    for cost, down, right in _steps(one, other, row, column, least)
                )
    found: list[Pairing] = []
    row, column = height, width
    while row or column:
        down, right = step[row][column]
        if down and right:
            found.append(Pairing(range(row - down, row), range(column - right, column)))
        row, column = row - down, column - right
    return found[::-1]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Words without spaces between them, and the offset at which each begins; the last offset is the end."""

    letters: str
    offsets: tuple[int, ...]

    @classmethod
    def of(cls, words: Sequence[str]) -> _Stretch:
        return cls("".join(words), tuple(accumulate(map(len, words), initial=0)))

    def part(self, start: int, end: int) -> str:
        """The letters of the words from `start` to before `end`."""
        return self.letters[self.offsets[start] : self.offsets[end]]


def _steps(first: _Stretch, second: _Stretch, row: int, column: int, least: float) -> Iterator[tuple[float, int, int]]:
    """Cost and size of each step that ends here."""
    if row:
        yield _ALONE, 1, 0
    if column:
        yield _ALONE, 0, 1
    if not row or not column:
        return
    alike = similarity(first.part(row - 1, row), second.part(column - 1, column))
    if alike >= least:
        yield 1 - alike, 1, 1
    if alike == 1:
        return
    end, other_end = first.offsets[row], second.offsets[column]
    for down, right in _SHAPES:
        if down > row or right > column:
            continue
        size, other_size = end - first.offsets[row - down], other_end - second.offsets[column - right]
        if size < _REGROUPED_ALIKE * other_size or other_size < _REGROUPED_ALIKE * size:
            continue
        alike = similarity(first.part(row - down, row), second.part(column - right, column))
        if alike >= _REGROUPED_ALIKE:
            yield (1 - alike) * max(down, right) + _REGROUPED, down, right
