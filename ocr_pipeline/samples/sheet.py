"""A page to draw on that remembers what was written where, so that its ground truth is what was drawn.

Every text is placed on a baseline. Texts on one baseline are one row; the truth gives rows from top to bottom and, in
each row, texts from left to right. Ruling lines, seals and bar codes are graphics and not part of the truth; a tick
box is told by a sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

import pymupdf

from ocr_pipeline.samples.typefaces import Typeface

A4: Final = (595.0, 842.0)
INK: Final = (0.0, 0.0, 0.0)
SEAL_RED: Final = (0.80, 0.10, 0.12)
LABEL_SHADE: Final = (0.92, 0.93, 0.94)
_PARTING: Final = 0.8  # of the type size: letters this far apart no longer make a word
Colour = tuple[float, float, float]


@unique
class Align(StrEnum):
    """Where a text stands in the width it is given."""

    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A text as drawn: baseline and left edge in points from the top left corner."""

    baseline: float
    left: float
    text: str


class Sheet:
    """One A4 page. Positions and sizes are in points; `y` of a text is its baseline."""

    def __init__(self, page: pymupdf.Page, typeface: Typeface) -> None:
        self._page = page
        self._typeface = typeface
        self._plain = pymupdf.TextWriter(page.rect)
        self._bold = pymupdf.TextWriter(page.rect)
        self._graphics = page.new_shape()
        self._advances: dict[tuple[str, bool], float] = {}
        self._marks: list[Mark] = []

    def width_of(self, text: str, size: float, *, bold: bool = False) -> float:
        """How wide `text` is when set."""
        return size * sum(self._advance(letter, bold=bold) for letter in text)

    def text(
        self, x: float, y: float, text: str, size: float = 9.5, *, bold: bool = False, align: Align = Align.LEFT
    ) -> float:
        """Write one line; `x` is its left edge, middle or right edge. Returns where it ends.

        Raises ValueError when the line would leave the page.
        """
        if not text:
            return x
        width = self.width_of(text, size, bold=bold)
        left = {Align.LEFT: x, Align.CENTRE: x - width / 2, Align.RIGHT: x - width}[align]
        self._marks.append(Mark(round(y, 1), left, text))
        return self._ink(left, y, text, size, bold=bold)

    def sign(self, x: float, y: float, sign: str) -> None:
        """Put a sign for something drawn into the truth, on baseline `y`."""
        self._marks.append(Mark(round(y, 1), x, sign))

    def spaced_title(self, centre: float, y: float, title: str, size: float, gap: float) -> None:
        """Write a bold title with `gap` points between letters, as Korean forms do.

        Letters most of their own size apart read as separate words; closer ones still read as the words of `title`.
        """
        units = list(title.replace(" ", "")) if gap >= _PARTING * size else title.split()
        tracked = gap if len(units) < len(title.replace(" ", "")) else 0.0
        between = gap + size if tracked else gap
        widths = [sum(self.width_of(letter, size, bold=True) + tracked for letter in unit) - tracked for unit in units]
        x = centre - (sum(widths) + between * (len(units) - 1)) / 2
        for unit in units:
            self._marks.append(Mark(round(y, 1), x, unit))
            for letter in unit:
                x = self._ink(x, y, letter, size, bold=True) + tracked
            x += between - tracked

    def wrap(self, text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
        """Break `text` at spaces into lines no wider than `width`. Raises ValueError for a word that is wider."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width_of(longer, size, bold=bold) <= width:
                lines[-1] = longer
                continue
            if self.width_of(word, size, bold=bold) > width:
                raise ValueError("a word is wider than the room it has")
            lines.append(word)
        return lines

    def paragraph(self, x: float, y: float, text: str, size: float, width: float, leading: float = 1.55) -> float:
        """Write wrapped lines from baseline `y` on. Returns the baseline after the last line."""
        for line in self.wrap(text, size, width):
            self.text(x, y, line, size)
            y += size * leading
        return y

    def line(self, x0: float, y0: float, x1: float, y1: float, weight: float = 0.6) -> None:
        """Draw a ruling line."""
        self._graphics.draw_line((x0, y0), (x1, y1))
        self._graphics.finish(width=weight, color=INK)

    def box(
        self, left: float, top: float, right: float, bottom: float, weight: float = 0.6, fill: Colour | None = None
    ) -> None:
        """Draw a rectangle; no outline when `weight` is 0."""
        self._graphics.draw_rect((left, top, right, bottom))
        self._graphics.finish(width=weight, color=INK if weight else None, fill=fill)

    def polyline(self, points: list[tuple[float, float]], weight: float, colour: Colour = INK) -> None:
        """Draw straight strokes through `points`."""
        self._graphics.draw_polyline(points)
        self._graphics.finish(width=weight, color=colour, closePath=False)

    def outline(self, left: float, top: float, size: float, weight: float, colour: Colour, *, round_: bool) -> None:
        """Draw an empty square or circle of `size` points."""
        area = (left, top, left + size, top + size)
        draw = self._graphics.draw_oval if round_ else self._graphics.draw_rect
        draw(area)
        self._graphics.finish(width=weight, color=colour)

    def cells(self, left: float, top: float, side: float, bits: list[list[bool]]) -> None:
        """Fill the true squares of a grid, `side` points each: bar and matrix codes."""
        for row, values in enumerate(bits):
            for column, value in enumerate(values):
                if value:
                    x, y = left + column * side, top + row * side
                    self._graphics.draw_rect((x, y, x + side, y + side))
        self._graphics.finish(color=None, fill=INK, width=0)

    def finish(self) -> list[list[str]]:
        """Put the text on the page and return the page's ground truth: its rows, each a list of texts."""
        self._graphics.commit()
        self._plain.write_text(self._page, color=INK)
        self._bold.write_text(self._page, color=INK, render_mode=2 if self._typeface.bold_is_drawn else 0)
        rows: dict[float, list[str]] = {}
        for mark in sorted(self._marks):
            rows.setdefault(mark.baseline, []).append(mark.text)
        return list(rows.values())

    def _advance(self, letter: str, *, bold: bool) -> float:
        # Asking the font is slow, and a page has few different letters.
        known = self._advances.get((letter, bold))
        if known is None:
            face = self._typeface.bold if bold else self._typeface.regular
            known = self._advances[letter, bold] = float(face.glyph_advance(ord(letter)))
        return known

    def _ink(self, left: float, y: float, text: str, size: float, *, bold: bool) -> float:
        right = left + self.width_of(text, size, bold=bold)
        if left < 0 or right > A4[0] or not size < y < A4[1]:
            raise ValueError("a text would leave the page")
        face = self._typeface.bold if bold else self._typeface.regular
        (self._bold if bold else self._plain).append((left, y), text, font=face, fontsize=size)
        return right
