"""Where the spaces of a line are: the readers' own, put right where the white between glyphs is plain evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.cpu.readings import Glyph, is_hangul

# Shares of the ink's height, from the gaps on pages with known text: Hangul inside a word stays below 0.25 for 99 of
# 100 pairs and words stand 0.25 to 0.5 apart; a digit 1 carries up to 0.45 of white before a point or comma.
_WORDS_APART = 0.5
_SPREAD_TITLE = 0.3
_TITLE_LETTERS = 8
_AROUND_RANGE = 0.2
_AFTER_NUMBER = 0.33
_AFTER_COLON = 0.33
_RANGE = "~"
_CLOSING = frozenset(",;:.!?)")
_EMPTY_BRACKETS = frozenset({("[", "]"), ("(", ")")})


def respace(strip: Grey, glyphs: Sequence[Glyph]) -> list[Glyph]:
    """The same glyphs with the spaces that their gaps demand."""
    if len(glyphs) < 2:  # noqa: PLR2004 - no gap without a neighbour
        return list(glyphs)
    white = gaps(strip, glyphs)
    if _is_spread_title(glyphs, white):
        return [glyphs[0], *(replace(glyph, spaced=True) for glyph in glyphs[1:])]
    pairs = zip(glyphs, glyphs[1:], white, strict=False)
    return [glyphs[0], *(_with_space(two, _is_spaced(one, two, gap)) for one, two, gap in pairs)]


def gaps(strip: Grey, glyphs: Sequence[Glyph]) -> list[float]:
    """The widest white run between each glyph's middle and the next one's, as a share of the ink's height."""
    _, ink = cv2.threshold(strip, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    rows = np.flatnonzero(ink.sum(axis=1) > 0.01 * ink.shape[1])
    tall = float(rows[-1] - rows[0] + 1) if len(rows) else float(ink.shape[0])
    white = ink.sum(axis=0) == 0
    return [
        _longest_run(white[int(one.centre) : max(int(one.centre) + 1, int(two.centre))]) / tall
        for one, two in pairwise(glyphs)
    ]


def _longest_run(flags: NDArray[np.bool_]) -> int:
    return max(map(len, flags.tobytes().split(b"\0")))


def _is_spread_title(glyphs: Sequence[Glyph], white: Sequence[float]) -> bool:
    """A short line of Hangul whose syllables all stand a word's space apart."""
    return (
        len(glyphs) <= _TITLE_LETTERS and all(is_hangul(glyph.text) for glyph in glyphs) and min(white) >= _SPREAD_TITLE
    )


def _with_space(glyph: Glyph, spaced: bool) -> Glyph:
    return glyph if glyph.spaced == spaced else replace(glyph, spaced=spaced)


def _is_spaced(one: Glyph, two: Glyph, gap: float) -> bool:
    if _RANGE in (one.text, two.text):
        return two.spaced or gap >= _AROUND_RANGE
    if two.text in _CLOSING and one.text.isalnum():
        return False
    if (one.text, two.text) in _EMPTY_BRACKETS or one.text == ":":
        return two.spaced or gap >= _AFTER_COLON
    if is_hangul(two.text) and (is_hangul(one.text) or one.text.isdigit()):
        return two.spaced or gap >= (_WORDS_APART if is_hangul(one.text) else _AFTER_NUMBER)
    if one.text.isdigit() and two.text.isalpha():
        return two.spaced or gap >= _AFTER_NUMBER
    return two.spaced
