"""Which way up a page lies: line shapes tell sideways pages, sampled lines tell upside-down ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import onnxruntime

from ocr_pipeline.adapters.engines.cpu.detection import Quad
from ocr_pipeline.adapters.engines.cpu.geometry import sides
from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.cpu.strips import HEIGHT, cut

_INPUT_WIDTH = 192
_SAMPLES = 12
_READ_SAMPLES = 5
_CLEAR = 0.6
_LONG = 2.0
_SPAN = 12 * HEIGHT


def lies_sideways(quads: Sequence[Quad]) -> bool:
    """True when the lines of text, weighted by area, run up or down the page."""
    balance = 0.0
    for quad in quads:
        width, height = sides(quad)
        if max(width, height) > 1.5 * min(width, height):
            balance += width * height if height > width else -width * height
    return balance > 0


class TurnJudge:
    """Tells whether the lines of a page stand on their heads. Safe for many threads."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def upside_down(self, page: Grey, quads: Sequence[Quad], legibility: Callable[[Grey], float]) -> bool:
        """Whether to turn the page by 180 degrees.

        A small network votes on sampled lines as they are and flipped; where the vote is close, `legibility` (the
        confidence with which a strip can be read) settles it.
        """
        strips = [_part(cut(page, quad).image) for quad in _sample(quads)]
        if not strips:
            return False
        flipped = [_flip(strip) for strip in strips]
        margin = float(np.mean(self._votes(flipped)) - np.mean(self._votes(strips)))
        if abs(margin) >= _CLEAR:
            return margin < 0
        few = range(min(_READ_SAMPLES, len(strips)))
        return sum(legibility(flipped[at]) - legibility(strips[at]) for at in few) > 0

    def _votes(self, strips: Sequence[Grey]) -> list[float]:
        """For each strip the probability that it is upside down."""
        planes = np.zeros((len(strips), 3, HEIGHT, _INPUT_WIDTH), np.float32)
        for row, strip in enumerate(strips):
            width = min(_INPUT_WIDTH, strip.shape[1])
            part = cv2.resize(strip[:, :width], (width, HEIGHT))
            planes[row, :, :, :width] = part.astype(np.float32) / 127.5 - 1.0
        return [float(row[1]) for row in self._session.run(None, {"x": planes})[0]]


def _sample(quads: Sequence[Quad]) -> list[Quad]:
    """Lines clearly longer than high, the longest first."""
    shapes = [(sides(quad), quad) for quad in quads]
    lines = [(width, quad) for (width, height), quad in shapes if width > _LONG * height]
    lines.sort(key=lambda line: -line[0])
    return [quad for _, quad in lines[:_SAMPLES]]


def _part(strip: Grey) -> Grey:
    return strip[:, :_SPAN]


def _flip(strip: Grey) -> Grey:
    return np.ascontiguousarray(strip[::-1, ::-1])
