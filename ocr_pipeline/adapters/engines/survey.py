"""A quick count of what is written on a page: pieces of ink of the size of a character, put together where they belong.

The count is of letters, digits and marks as large as they are. Ruling lines are wiped first, specks, dots and commas
are too small to count, pictures and seals too large. Letters that touch count as one, strokes that a fax has broken
as several: on clean print the count is within a third of the truth, on a fax within twice. Grain makes characters of
its own: a page that has much of it is not counted at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ocr_pipeline.adapters.engines.cpu.imaging import Grey, decode, ink_share, pieces
from ocr_pipeline.adapters.engines.glyphs import count_twins, put_together
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.survey import Survey

_LONG_SIDE = 1400
_DARK_PAPER = 110
_PAPER_SCALE = 8
# Levels of grey below the paper: less is no ink. Half of the common darkness parts ink from the grey between letters.
_FAINT = 24
_COMMON = 0.9
# Pixels: a rule is longer than any stroke, and thinner than the shading of a cell.
_RULE, _THICK = 45, 11
_PIXELS = (5, 120)
# Shares of the size of a character, itself taken from the larger pieces of the page.
_LARGER, _MARGIN = 85.0, 1.15
_PART, _GLYPH, _PICTURE = 0.2, 0.4, 4.0
# Levels of grey, a standard deviation: with so much grain the count was seen to hold, from 30 on it is many times off.
_GRAINY = 24.0
# The mask's root sum of squares, and the median of |x| for a standard normal x.
_MASK_GAIN, _MEDIAN_OF_NORMAL = 6.0, 0.6745


@dataclass(frozen=True, slots=True)
class Count:
    """Characters on a page, a Hangul syllable counting as one, and how many of them have their like right below.

    `twins` is None for a page that lies on its side.
    """

    glyphs: int
    twins: int | None


class OpenCvSurveyor:
    """Surveys pages of any orientation, dark on light or light on dark. Keeps nothing between pages."""

    def survey(self, page: PageImage) -> Survey:
        """Raises PageUnreadable when the image cannot be decoded."""
        grey = _shrunk(decode(page.data))
        if grain(grey) > _GRAINY:
            return Survey(ink_share(grey))
        found = count(grey)
        return Survey(ink_share(grey), found.glyphs, found.twins)


def count(grey: Grey) -> Count:
    """Counts a page of at most a few million pixels (height x width, 0 black to 255 white)."""
    parts = [piece for piece in pieces(_strokes(grey)) if max(piece[2:]) <= _PIXELS[1]]
    sides = [max(piece[2:]) for piece in parts if max(piece[2:]) >= _PIXELS[0]]
    if not sides:
        return Count(0, 0)
    size = _MARGIN * float(np.percentile(sides, _LARGER))
    fitting = [piece for piece in parts if _PART * size <= max(piece[2:]) <= _PICTURE * size]
    glyphs = [glyph for glyph in put_together(fitting, size) if glyph.side >= _GLYPH * size]
    return Count(len(glyphs), count_twins(glyphs, size))


def grain(grey: Grey) -> float:
    """The standard deviation, in levels of grey, of noise that changes from pixel to pixel.

    The mask is that of Immerkær, "Fast noise variance estimation" (1996), which is blind to slopes and straight edges;
    of its answers the median is taken, because print answers too and covers little of a page.
    """
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answers = np.abs(cv2.filter2D(grey, cv2.CV_16S, mask))
    return float(np.median(answers)) / (_MASK_GAIN * _MEDIAN_OF_NORMAL)


def _shrunk(grey: Grey) -> Grey:
    scale = _LONG_SIDE / max(grey.shape)
    if scale >= 1.0:
        return grey
    # Averaging over areas is slow, and needed only where pixels would be passed over.
    way = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR  # noqa: PLR2004
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=way), np.uint8)


def _strokes(grey: Grey) -> Grey:
    """Where there is ink that is no rule, 255, else 0. Ink is what is half as dark as strokes here commonly are."""
    if np.median(grey[::8, ::8]) < _DARK_PAPER:
        grey = np.asarray(cv2.bitwise_not(grey), np.uint8)
    depth = np.asarray(cv2.subtract(_paper(grey), grey), np.uint8)
    ink = _deeper(depth, _FAINT)
    others = np.asarray(cv2.subtract(ink, _rules(ink)), np.uint8)
    reached = np.cumsum(cv2.calcHist([depth], [0], others, [256], [0, 256]).ravel())
    common = int(np.searchsorted(reached, _COMMON * reached[-1])) if reached[-1] else 0
    return np.asarray(cv2.bitwise_and(others, _deeper(depth, max(_FAINT, common // 2))), np.uint8)


def _deeper(depth: Grey, level: int) -> Grey:
    return np.asarray(cv2.threshold(depth, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _paper(grey: Grey) -> Grey:
    """The page as it would be without anything on it: shadows stay, strokes are filled with what surrounds them."""
    height, width = grey.shape
    few = (max(1, width // _PAPER_SCALE), max(1, height // _PAPER_SCALE))
    small = cv2.resize(grey, few, interpolation=cv2.INTER_AREA)
    filled = cv2.medianBlur(cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), 5)
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _rules(ink: Grey) -> Grey:
    # A rule a little out of true breaks into steps one pixel apart; thickening joins them again.
    flat, tall = np.ones((1, 3), np.uint8), np.ones((3, 1), np.uint8)
    across = cv2.morphologyEx(cv2.dilate(ink, tall), cv2.MORPH_OPEN, np.ones((1, _RULE), np.uint8))
    down = cv2.morphologyEx(cv2.dilate(ink, flat), cv2.MORPH_OPEN, np.ones((_RULE, 1), np.uint8))
    shaded = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((_THICK, _THICK), np.uint8))
    rules = cv2.subtract(cv2.bitwise_or(across, down), shaded)
    return np.asarray(cv2.dilate(rules, np.ones((3, 3), np.uint8)), np.uint8)
