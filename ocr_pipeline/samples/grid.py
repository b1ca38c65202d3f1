"""Ruled tables: cells with wrapped text, shaded labels and spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from ocr_pipeline.samples.sheet import LABEL_SHADE, Align, Sheet

_LEADING: Final = 1.45
_BASELINE: Final = 0.36  # of the type size below the middle of the row: centres capitals and Hangul alike


@unique
class Rules(StrEnum):
    """Which lines a table shows."""

    ALL = "all"
    HORIZONTAL = "horizontal"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell over `span` columns. A label is shaded, bold and centred."""

    text: str = ""
    span: int = 1
    align: Align = Align.LEFT
    label: bool = False
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Style:
    """Type size, least row height and inner margin in points, and the rules drawn."""

    size: float = 9.0
    height: float = 20.0
    padding: float = 4.0
    rules: Rules = Rules.ALL


def label(text: str, span: int = 1) -> Cell:
    """A heading cell."""
    return Cell(text, span, Align.CENTRE, label=True)


def centred(text: str, span: int = 1) -> Cell:
    """A cell whose text stands in the middle."""
    return Cell(text, span, Align.CENTRE)


def table(
    sheet: Sheet, left: float, top: float, widths: Sequence[float], rows: Sequence[Sequence[Cell]], style: Style
) -> float:
    """Draw `rows` under each other from `top`; each row's spans add up to `len(widths)`. Returns the lower edge.

    Rows of one line are centred in their height; where a cell wraps, all cells of its row begin on the first line, so
    that reading along baselines is reading along rows.
    """
    y = top
    for row in rows:
        y = _row(sheet, left, y, widths, row, style)
    sheet.line(left, y, left + sum(widths), y, 0.9)
    sheet.line(left, top, left + sum(widths), top, 0.9)
    if style.rules is Rules.ALL:
        sheet.line(left, top, left, y, 0.9)
        sheet.line(left + sum(widths), top, left + sum(widths), y, 0.9)
    return y


def _row(sheet: Sheet, left: float, top: float, widths: Sequence[float], row: Sequence[Cell], style: Style) -> float:
    if sum(cell.span for cell in row) != len(widths):
        raise ValueError("the cells of a row do not fill its columns")
    spread = _spread(widths, row)
    lines = [
        sheet.wrap(cell.text, style.size, width - 2 * style.padding, bold=cell.label or cell.bold)
        for cell, width in zip(row, spread, strict=True)
    ]
    leading = style.size * _LEADING
    tallest = max(1, *(len(part) for part in lines))
    height = max(style.height, (tallest - 1) * leading + style.height)
    first = top + style.height / 2 + style.size * _BASELINE
    x = left
    for cell, width, part in zip(row, spread, lines, strict=True):
        if cell.label:
            sheet.box(x, top, x + width, top + height, 0, LABEL_SHADE)
        _write(sheet, x, first, width, cell, part, style)
        if style.rules is Rules.ALL and x > left:
            sheet.line(x, top, x, top + height, 0.5)
        x += width
    sheet.line(left, top, left + sum(widths), top, 0.5)
    return top + height


def _write(sheet: Sheet, x: float, y: float, width: float, cell: Cell, lines: list[str], style: Style) -> None:
    anchor = {Align.LEFT: x + style.padding, Align.CENTRE: x + width / 2, Align.RIGHT: x + width - style.padding}
    for number, line in enumerate(lines):
        sheet.text(
            anchor[cell.align],
            y + number * style.size * _LEADING,
            line,
            style.size,
            bold=cell.label or cell.bold,
            align=cell.align,
        )


def _spread(widths: Sequence[float], row: Sequence[Cell]) -> list[float]:
    spread, column = [], 0
    for cell in row:
        spread.append(sum(widths[column : column + cell.span]))
        column += cell.span
    return spread
