"""Small marks told apart by their ink where both readers guess: a colon has two dots, a middle dot has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.cpu.readings import Glyph, is_hangul

_GUESSED = frozenset(":;\u00b7-.")
_LEAST_DOT = 4
_LEVEL = 0.22
_ROUND = 2.0


def settle_marks(strip: Grey, glyphs: Sequence[Glyph]) -> list[Glyph]:
    """The same glyphs, with what is seen to be a middle dot between two syllables written as one."""
    settled = list(glyphs)
    for at in range(1, len(glyphs) - 1):
        before, mark, after = glyphs[at - 1 : at + 2]
        joined = not mark.spaced and not after.spaced and is_hangul(before.text) and is_hangul(after.text)
        if joined and mark.text in _GUESSED and _is_middle_dot(strip, before, after):
            settled[at] = replace(mark, text="\u00b7")
    return settled


def _is_middle_dot(strip: Grey, before: Glyph, after: Glyph) -> bool:
    """Whether one round dot at half height is all the ink between the middles of two glyphs that touches neither."""
    _, ink = cv2.threshold(strip, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    rows = np.flatnonzero(ink.any(axis=1))
    start, stop = int(before.centre), int(after.centre)
    if stop - start < _LEAST_DOT or not len(rows):
        return False
    top, bottom = int(rows[0]), int(rows[-1])
    tall = bottom - top + 1
    _, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(ink[:, start:stop]), connectivity=8)
    dots = [
        (y + height / 2, width / height)
        for x, y, width, height, area in stats[1:]
        if area >= _LEAST_DOT and max(width, height) < 0.3 * tall and x > 0 and x + width < stop - start
    ]
    if len(dots) != 1:
        return False
    level, shape = dots[0]
    return bool(abs((level - top) / tall - 0.5) < _LEVEL and 1 / _ROUND < shape < _ROUND)
