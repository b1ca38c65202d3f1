"""Graphics of paper forms: tick boxes, which the truth tells by a sign, and seals, signatures and bar codes."""

from __future__ import annotations

import math
from random import Random
from typing import Final

from ocr_pipeline.samples.sheet import INK, SEAL_RED, Sheet

CLEAR: Final = "☐"
TICKED: Final = "☑"
_MATRIX: Final = 25
_FINDER: Final = 7
_SEAL_CELLS: Final = 5
_PEN_STROKES: Final = 7
_STEPS_A_STROKE: Final = 14
_PEN_BLUE: Final = (0.05, 0.08, 0.35)


def tick_box(sheet: Sheet, x: float, y: float, *, ticked: bool, size: float = 8.0) -> float:
    """Draw a box standing on baseline `y`. Returns where text may go on."""
    sheet.box(x, y - size + 1, x + size, y + 1, 0.7)
    sheet.sign(x, y, TICKED if ticked else CLEAR)
    if ticked:
        strokes = [(x + 1.5, y - size / 2 + 1), (x + size / 2 - 0.5, y - 0.8), (x + size + 1, y - size - 0.5)]
        sheet.polyline(strokes, 1.3)
    return x + size + 4


def seal(sheet: Sheet, left: float, top: float, rng: Random, size: float = 26.0) -> None:
    """Draw a red seal: a frame filled with strokes that look like seal script and are no letters."""
    round_ = rng.choice((True, False))
    sheet.outline(left, top, size, 1.6, SEAL_RED, round_=round_)
    inner = size * (0.62 if round_ else 0.78)
    start, step = (size - inner) / 2, inner / _SEAL_CELLS
    for row in range(_SEAL_CELLS):
        for column in range(_SEAL_CELLS):
            x, y = left + start + column * step, top + start + row * step
            _seal_stroke(sheet, x, y, step, rng)


def _seal_stroke(sheet: Sheet, x: float, y: float, step: float, rng: Random) -> None:
    ways = ([(x, y), (x + step, y)], [(x, y), (x, y + step)], [(x, y), (x + step, y), (x + step, y + step)])
    sheet.polyline(rng.choice(ways), 1.1, SEAL_RED)


def signature(sheet: Sheet, x: float, y: float, rng: Random, width: float = 70.0) -> None:
    """Draw a pen scrawl on baseline `y` that spells nothing."""
    heights = [rng.uniform(2.0, 6.0) for _ in range(_PEN_STROKES)]
    heights[0] = 11.0
    points = []
    for step in range(_PEN_STROKES * _STEPS_A_STROKE):
        along, height = step / (_PEN_STROKES * _STEPS_A_STROKE), heights[step // _STEPS_A_STROKE]
        turn = 2 * math.pi * step / _STEPS_A_STROKE
        points.append((x + width * along + 3.0 * math.sin(turn), y - height / 2 * (1 - math.cos(turn))))
    points.append((x + width, y - 3))
    sheet.polyline(points, 0.9, _PEN_BLUE)


def matrix_code(sheet: Sheet, left: float, top: float, rng: Random, side: float = 1.7) -> None:
    """Draw something like a QR code: three finders and random modules that decode to nothing."""
    bits = [[rng.choice((True, False)) for _ in range(_MATRIX)] for _ in range(_MATRIX)]
    for top_row, left_column in ((0, 0), (0, _MATRIX - _FINDER), (_MATRIX - _FINDER, 0)):
        _finder(bits, top_row, left_column)
    sheet.cells(left, top, side, bits)


def _finder(bits: list[list[bool]], top: int, left: int) -> None:
    for row in range(-1, _FINDER + 1):
        for column in range(-1, _FINDER + 1):
            if 0 <= top + row < _MATRIX and 0 <= left + column < _MATRIX:
                ring = max(abs(row - _FINDER // 2), abs(column - _FINDER // 2))
                bits[top + row][left + column] = ring in {0, 1, 3}


def bar_code(sheet: Sheet, left: float, top: float, rng: Random, width: float = 110.0, height: float = 20.0) -> None:
    """Draw bars of random widths."""
    x = left
    while x < left + width:
        bar = rng.choice((0.9, 0.9, 1.8, 2.7))
        sheet.box(x, top, x + bar, top + height, 0, INK)
        x += bar + rng.choice((0.9, 1.8, 1.8, 2.7))
