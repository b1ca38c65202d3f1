"""Hangul that clings to a Latin word (`Profile을`): Tesseract often reads it as Latin too, so it is read again alone.

PP-OCR reads the Latin letters surely and passes over the syllables; ink it leaves over is shown to Tesseract by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.cpu.readings import Glyph, Reading, is_hangul, is_ideograph
from ocr_pipeline.adapters.engines.cpu.strips import HEIGHT, Strip

_SURE = 0.9
_SYLLABLE = 0.4 * HEIGHT
_HANGUL_SURE = 0.7
_FEWEST_LATIN = 2
_MARGIN = 2


def mend(
    run: Sequence[Glyph],
    seen: Sequence[Glyph],
    strip: Strip,
    span: tuple[float, float],
    read: Callable[[Grey], Reading],
) -> list[Glyph]:
    """Tesseract's glyphs for a part of the strip, with syllables in place of what it misread beside Latin words.

    `seen` are PP-OCR's glyphs for the same part, which reaches over `span` (strip pixels).
    """
    sure = [glyph for glyph in seen if glyph.confidence >= _SURE and not is_ideograph(glyph.text)]
    if sum(glyph.text.isascii() and glyph.text.isalpha() for glyph in sure) < _FEWEST_LATIN:
        return list(run)
    mended = list(run)
    for left, right in _left_over(strip.image, sure, span):
        within = [glyph for glyph in mended if _belongs(glyph, left, right, sure)]
        if not all(glyph.text.isalnum() and glyph.text.isascii() for glyph in within):
            continue
        again = read(np.ascontiguousarray(strip.smooth[:, left:right])).glyphs
        if again and all(is_hangul(glyph.text) and glyph.confidence >= _HANGUL_SURE for glyph in again):
            mended = _replaced(mended, within, left, again)
    return mended


def _belongs(glyph: Glyph, left: float, right: float, sure: Sequence[Glyph]) -> bool:
    """Whether Tesseract's glyph stands in the stretch and is none of the letters that PP-OCR saw beside it."""
    if not left <= glyph.centre <= right:
        return False
    return not any(other.text == glyph.text and abs(other.centre - glyph.centre) < HEIGHT for other in sure)


def _left_over(strip: Grey, sure: Sequence[Glyph], span: tuple[float, float]) -> list[tuple[int, int]]:
    """Stretches at least a syllable wide, between the sure glyphs, that hold ink; cut at white columns."""
    _, ink = cv2.threshold(strip, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    dark = ink.sum(axis=0) > 0
    ends = [(span[0], span[0]), *((glyph.left, glyph.right) for glyph in sure), (span[1], span[1])]
    found = []
    for (_, before), (after, _) in pairwise(ends):
        columns = np.flatnonzero(dark[int(before) : int(after)])
        if len(columns) and columns[-1] - columns[0] >= _SYLLABLE:
            first, last = int(before) + int(columns[0]), int(before) + int(columns[-1])
            found.append((max(0, first - _MARGIN), min(strip.shape[1], last + 1 + _MARGIN)))
    return found


def _replaced(run: Sequence[Glyph], gone: Sequence[Glyph], left: float, again: Sequence[Glyph]) -> list[Glyph]:
    new = [replace(glyph, left=glyph.left + left, right=glyph.right + left) for glyph in again]
    new[0] = replace(new[0], spaced=bool(gone) and gone[0].spaced)
    kept = [glyph for glyph in run if glyph not in gone]
    before = sum(glyph.centre < new[0].centre for glyph in kept)
    return [*kept[:before], *new, *kept[before:]]
