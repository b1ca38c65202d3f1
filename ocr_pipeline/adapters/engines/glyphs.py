"""Pieces of ink put together to characters, and characters looked at for rows alike. Boxes only, in pixels."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeAlias

# Shares of the size of a character.
_APART = 0.3
_UPRIGHT, _SLENDER = 0.6, 0.45
_SAME = 0.2
_FARTHEST = 8.0
_ON_ITS_SIDE = 0.25
_OVERLAP = 0.5

Piece: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height."""


@dataclass(slots=True)
class Glyph:
    """The box around the parts of one character; it grows while they are found."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def side(self) -> int:
        """The longer side."""
        return max(self.right - self.left, self.bottom - self.top)

    def takes(self, part: Glyph, size: float) -> bool:
        """Whether a part belongs here: near, within one character's size, above or below or an upright vowel beside."""
        across = max(self.right, part.right) - min(self.left, part.left)
        down = max(self.bottom, part.bottom) - min(self.top, part.top)
        shared_across = min(self.right, part.right) - max(self.left, part.left)
        shared_down = min(self.bottom, part.bottom) - max(self.top, part.top)
        if max(across, down) > size or min(shared_across, shared_down) < -_APART * size:
            return False
        width, height = part.right - part.left, part.bottom - part.top
        if shared_across >= _OVERLAP * min(width, self.right - self.left):
            return True
        upright = height >= _UPRIGHT * size and width <= _SLENDER * height
        return upright and shared_down >= _OVERLAP * min(height, self.bottom - self.top)

    def grow(self, part: Glyph) -> None:
        """Reach around a part as well."""
        self.left, self.top = min(self.left, part.left), min(self.top, part.top)
        self.right, self.bottom = max(self.right, part.right), max(self.bottom, part.bottom)

    def hides(self, below: Glyph) -> bool:
        """Whether it stands above the other so that nothing higher can be that one's neighbour."""
        shared = min(self.right, below.right) - max(self.left, below.left)
        return shared > _OVERLAP * min(self.right - self.left, below.right - below.left)

    def is_like(self, below: Glyph, size: float) -> bool:
        """Whether both have the same width, height and place in their lines."""
        off = (self.left - below.left, self.right - below.right, self.bottom - self.top - below.bottom + below.top)
        return max(map(abs, off)) <= _SAME * size


def put_together(parts: Sequence[Piece], size: float) -> list[Glyph]:
    """Characters of parts: dots join their stems, the letters of a syllable each other, from left to right.

    `size` is the longer side of the larger characters.
    """
    glyphs: list[Glyph] = []
    # A part that belongs to a glyph starts less than one size from where the glyph started, so near squares suffice.
    squares: defaultdict[tuple[int, int], list[Glyph]] = defaultdict(list)
    for left, top, width, height in sorted(parts):
        part = Glyph(left, top, left + width, top + height)
        across, down = int(left / size), int(top / size)
        home = next((glyph for glyph in _near(squares, across, down) if glyph.takes(part, size)), None)
        if home is not None:
            home.grow(part)
            continue
        glyphs.append(part)
        squares[across, down].append(part)
    return glyphs


def count_twins(glyphs: Sequence[Glyph], size: float) -> int | None:
    """How many characters have their like right below, in the next row: nearly all where rows are alike, else few.

    None for a page that lies on its side: there the next character of a word stands below.
    """
    columns: defaultdict[int, list[Glyph]] = defaultdict(list)
    for glyph in sorted(glyphs, key=attrgetter("top")):
        middle = int((glyph.left + glyph.right) / 2 / size)
        for column in (middle - 1, middle, middle + 1):
            columns[column].append(glyph)
    tops = {column: [glyph.top for glyph in standing] for column, standing in columns.items()}
    pairs = [(glyph, below) for glyph in glyphs if (below := _next_below(glyph, columns, tops, size)) is not None]
    touching = sum(below.top - glyph.bottom < _APART * size for glyph, below in pairs)
    if touching > _ON_ITS_SIDE * len(glyphs):
        return None
    return sum(glyph.is_like(below, size) for glyph, below in pairs)


def _next_below(glyph: Glyph, columns: dict[int, list[Glyph]], tops: dict[int, list[int]], size: float) -> Glyph | None:
    column = int((glyph.left + glyph.right) / 2 / size)
    standing = columns[column]
    for at in range(bisect_left(tops[column], glyph.bottom - _SAME * size), len(standing)):
        below = standing[at]
        if below.top > glyph.top + _FARTHEST * size:
            return None
        if below is not glyph and glyph.hides(below):
            return below
    return None


def _near(squares: dict[tuple[int, int], list[Glyph]], across: int, down: int) -> Iterator[Glyph]:
    for column in (across - 1, across):
        for row in (down - 1, down, down + 1):
            yield from squares.get((column, row), ())
