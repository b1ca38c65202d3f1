"""Ruling lines of tables and forms: found, wiped from the picture, and used to cut lines of text at cell borders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.detection import Quad
from ocr_pipeline.adapters.engines.cpu.imaging import Grey, pieces
from ocr_pipeline.domain.text import Box

_EDGE = 0.15
# In heights of a line of text.
_LEAST_ACROSS = 3.0
_LEAST_DOWN = 1.1
_FREE_DOWN = 3.0
_THICKEST = 0.3
_REACH = 0.25


@dataclass(frozen=True, slots=True)
class Ruling:
    """Rules of a straightened page: upright boxes, pixels, a few pixels thick."""

    across: tuple[Box, ...]
    down: tuple[Box, ...]


def wipe_rules(page: Grey, ink: Grey, text_height: float) -> tuple[Grey, Grey, Ruling]:
    """The page with its rules painted over in paper colour, its ink without them, and the rules.

    `text_height` is the usual height of a line of text (pixels): strokes of letters are shorter than a rule. A short
    upright rule counts only where it meets a level one, as the sides of a table's cell do.
    """
    across = _long_runs(ink, text_height * _LEAST_ACROSS, text_height, along=1)
    down = _long_runs(ink, text_height * _LEAST_DOWN, text_height, along=0)
    down = _meeting(down, across, text_height)
    ruling = Ruling(_boxes(across), _boxes(down))
    if not ruling.across and not ruling.down:
        return page, ink, ruling
    mask = cv2.dilate(cv2.bitwise_or(across, down), np.ones((5, 5), np.uint8))
    clean = page.copy()
    small = cv2.resize(page, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    paper = cv2.resize(cv2.medianBlur(small, 15), (page.shape[1], page.shape[0]), interpolation=cv2.INTER_LINEAR)
    clean[mask > 0] = paper[mask > 0]
    return clean, np.asarray(cv2.subtract(ink, mask), np.uint8), ruling


def cut_at_rules(quads: Sequence[Quad], ruling: Ruling) -> list[Quad]:
    """Lines of text that run through a vertical rule become one line for each cell."""
    return [part for quad in quads for part in _cells(quad, ruling.down)]


def _long_runs(ink: Grey, least: float, text_height: float, *, along: int) -> Grey:
    """Connected straight runs of at least `least` pixels, much thinner than long; `along` is 1 for level ones."""
    short = max(15, round(min(least, text_height) * 0.9))
    kernel = np.ones((1, short) if along else (short, 1), np.uint8)
    # A rule a little out of true breaks into steps one pixel apart; closing the steps joins them again.
    thick = np.ones((3, 1) if along else (1, 3), np.uint8)
    runs = np.asarray(cv2.morphologyEx(cv2.dilate(ink, thick), cv2.MORPH_OPEN, kernel), np.uint8)
    if not any((width if along else height) >= least for _, _, width, height in pieces(runs)):
        return np.zeros_like(ink)
    count, raw, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    labels = np.asarray(raw, np.int32)
    length = stats[:, cv2.CC_STAT_WIDTH if along else cv2.CC_STAT_HEIGHT]
    breadth = stats[:, cv2.CC_STAT_AREA] / np.maximum(length, 1)
    keep = (length >= least) & (breadth <= max(8.0, text_height * _THICKEST))
    return _chosen(labels, keep, count, ink)


def _meeting(down: Grey, across: Grey, text_height: float) -> Grey:
    """The upright runs that are long, or end at a level rule."""
    if not down.any():
        return down
    count, raw, stats, _ = cv2.connectedComponentsWithStats(down, connectivity=8)
    labels = np.asarray(raw, np.int32)
    reach = max(3, round(text_height * _REACH))
    near = cv2.dilate(across, np.ones((2 * reach + 1, 5), np.uint8))
    keep = stats[:, cv2.CC_STAT_HEIGHT] >= text_height * _FREE_DOWN
    keep[np.unique(labels[near > 0])] = True
    return _chosen(labels, keep, count, down)


def _chosen(labels: NDArray[np.int32], keep: NDArray[np.bool_], count: int, ink: Grey) -> Grey:
    keep[0] = False
    chosen = np.zeros(count, np.uint8)
    chosen[keep] = 255
    return np.asarray(cv2.bitwise_and(chosen[labels], ink), np.uint8)


def _boxes(mask: Grey) -> tuple[Box, ...]:
    if not mask.any():
        return ()
    joined = np.asarray(cv2.dilate(mask, np.ones((3, 3), np.uint8)), np.uint8)
    return tuple(
        Box(float(left), float(top), float(left + width), float(top + height))
        for left, top, width, height in pieces(joined)
    )


def _cells(quad: Quad, rules: tuple[Box, ...]) -> list[Quad]:
    left, right = float(quad[:, 0].min()), float(quad[:, 0].max())
    top, bottom = float(quad[:, 1].min()), float(quad[:, 1].max())
    height = bottom - top
    inner = (top + height * _EDGE, bottom - height * _EDGE)
    cuts = sorted(
        (rule.left + rule.right) / 2
        for rule in rules
        if rule.top <= inner[0] and rule.bottom >= inner[1] and left < (rule.left + rule.right) / 2 < right
    )
    if not cuts:
        return [quad]
    edges = [left, *cuts, right]
    return [_between(quad, start, stop) for start, stop in pairwise(edges) if stop - start > height * 0.4]


def _between(quad: Quad, start: float, stop: float) -> Quad:
    """The part of the quad between two columns of the page."""
    (left, right) = float(quad[:, 0].min()), float(quad[:, 0].max())
    share = np.array([start - left, stop - left], np.float32) / max(right - left, 1.0)
    upper, lower = quad[1] - quad[0], quad[2] - quad[3]
    return np.array(
        [
            quad[0] + upper * share[0],
            quad[0] + upper * share[1],
            quad[3] + lower * share[1],
            quad[3] + lower * share[0],
        ],
        np.float32,
    )
