"""Dust, fax speckle and lone characters: small ink that belongs to no line, wiped away or made a line of its own."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.detection import Quad
from ocr_pipeline.adapters.engines.cpu.imaging import Grey, pieces

# In heights of a line of text.
_SPECK = 0.22
_ALONE = 0.3
_TINY_AREA = 0.0025
_SPECKLED = 40.0
_LOWEST, _TALLEST = 0.32, 1.1
_WIDEST = 4.0
_SLENDER = 0.08
_TOGETHER = 0.5


def wipe_specks(page: Grey, ink: Grey, text_height: float) -> tuple[Grey, Grey]:
    """The page and its ink without small ink that stands alone; on a page full of it, without the tiniest anywhere."""
    count, raw, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    labels = np.asarray(raw, np.int32)
    widths, heights = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    small = (widths <= text_height * _SPECK) & (heights <= text_height * _SPECK)
    small[0] = False
    reach = max(3, round(text_height * _ALONE))
    near_text = cv2.dilate(_mask(labels, ~small, count), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    beside = np.zeros(count, np.bool_)
    beside[np.unique(labels[near_text > 0])] = True
    doomed = small & ~beside
    if np.count_nonzero(doomed) > _SPECKLED * page.size / 1e6:
        doomed |= small & (stats[:, cv2.CC_STAT_AREA] <= max(2.0, text_height**2 * _TINY_AREA))
    if not doomed.any():
        return page, ink
    clean = page.copy()
    mask = cv2.dilate(_mask(labels, doomed, count), np.ones((3, 3), np.uint8))
    clean[mask > 0] = int(np.percentile(page[::4, ::4], 70))
    return clean, np.asarray(cv2.subtract(ink, mask), np.uint8)


@dataclass(frozen=True, slots=True)
class _Piece:
    left: int
    top: int
    right: int
    bottom: int


def stray_lines(ink: Grey, quads: list[Quad], text_height: float) -> list[Quad]:
    """Ink as tall as a character that lies in no line: the single letters and digits that the detector overlooks."""
    ink = ink.copy()
    for quad in quads:
        cv2.fillPoly(ink, [quad.astype(np.int32)], (0,))
    strays = sorted(
        (
            _Piece(left, top, left + width, top + height)
            for left, top, width, height in pieces(ink)
            if _LOWEST * text_height <= height <= _TALLEST * text_height
            and _SLENDER * text_height <= width <= _WIDEST * text_height
        ),
        key=lambda piece: piece.left,
    )
    return [_around(run, text_height) for run in _runs(strays, text_height)]


def _runs(strays: list[_Piece], text_height: float) -> list[_Piece]:
    runs: list[_Piece] = []
    for piece in strays:
        for at, run in enumerate(runs):
            beside = piece.left - run.right <= _TOGETHER * text_height
            level = abs((piece.top + piece.bottom) - (run.top + run.bottom)) <= text_height * _TOGETHER
            if beside and level:
                runs[at] = _Piece(
                    run.left, min(run.top, piece.top), max(run.right, piece.right), max(run.bottom, piece.bottom)
                )
                break
        else:
            runs.append(piece)
    return [run for run in runs if run.right - run.left <= _WIDEST * text_height]


def _around(piece: _Piece, text_height: float) -> Quad:
    margin = text_height * 0.2
    left, right, top, bottom = piece.left - margin, piece.right + margin, piece.top - margin, piece.bottom + margin
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _mask(labels: NDArray[np.int32], chosen: NDArray[np.bool_], count: int) -> Grey:
    flags = np.zeros(count, np.uint8)
    flags[chosen] = 255
    flags[0] = 0
    return np.asarray(flags[labels], np.uint8)
