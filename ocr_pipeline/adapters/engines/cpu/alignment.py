"""Two readings of the same ink laid side by side, character by character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ocr_pipeline.adapters.engines.cpu.readings import Glyph, is_hangul, is_ideograph
from ocr_pipeline.adapters.engines.cpu.strips import HEIGHT

Pair: TypeAlias = tuple[Glyph | None, Glyph | None]

_GAP = 1.0
_FAR = 1.5 * HEIGHT
_ALIKE = (frozenset("1lI|!"), frozenset("0Oo"), frozenset("5S"), frozenset("8B"), frozenset("2Z"), frozenset(".,"))


def align(first: Sequence[Glyph], second: Sequence[Glyph]) -> list[Pair]:
    """Pairs in reading order; None where only one reader saw a character.

    Cheapest alignment (Needleman and Wunsch 1970) under a cost that grows with the distance on the strip.
    """
    rows, columns = len(first), len(second)
    costs = [[column * _GAP for column in range(columns + 1)]]
    for row, one in enumerate(first, start=1):
        above, line = costs[-1], [row * _GAP]
        for column, two in enumerate(second, start=1):
            line.append(min(above[column - 1] + _difference(one, two), above[column] + _GAP, line[column - 1] + _GAP))
        costs.append(line)
    return _trace(costs, first, second, rows, columns)


def _trace(
    costs: list[list[float]], first: Sequence[Glyph], second: Sequence[Glyph], row: int, column: int
) -> list[Pair]:
    pairs: list[Pair] = []
    while row or column:
        here = costs[row][column]
        if row and column and here == costs[row - 1][column - 1] + _difference(first[row - 1], second[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((first[row], second[column]))
        elif row and here == costs[row - 1][column] + _GAP:
            row -= 1
            pairs.append((first[row], None))
        else:
            column -= 1
            pairs.append((None, second[column]))
    return pairs[::-1]


def _difference(one: Glyph, two: Glyph) -> float:
    apart = min(1.0, abs(one.centre - two.centre) / _FAR)
    return apart + _unlike(one.text, two.text)


def _unlike(one: str, two: str) -> float:
    if one == two:
        return 0.0
    if is_hangul(one) and is_ideograph(two):
        return 0.3
    if any(one in family and two in family for family in _ALIKE):
        return 0.5
    return 1.2 if is_hangul(one) else 0.9
