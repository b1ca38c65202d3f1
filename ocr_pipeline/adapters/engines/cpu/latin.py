"""Latin letters, digits and signs: the PP-OCR line reader with greedy CTC decoding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.cpu.readings import EMPTY, Glyph, Reading
from ocr_pipeline.adapters.engines.cpu.strips import HEIGHT
from ocr_pipeline.domain.errors import EngineUnavailable

_STEP = 8
_REACH = 0.7
_LEAST_WIDTH = 64
_COLUMNS_AT_ONCE = 2000


class LatinReader:
    """Reads strips. It knows no Hangul: Korean comes back as rare Chinese characters of low confidence."""

    def __init__(self, session: onnxruntime.InferenceSession, squeeze: float = 1.0) -> None:
        self._session = session
        self._squeeze = squeeze
        listed = session.get_modelmeta().custom_metadata_map.get("character")
        if not listed:
            raise EngineUnavailable("the line reader's model file carries no character list")
        self._alphabet = ["", *listed.splitlines(), " "]

    def read(self, strips: Sequence[Grey]) -> list[Reading]:
        """One reading a strip (HEIGHT pixels high each), in the order given."""
        readings = [EMPTY] * len(strips)
        order = sorted(range(len(strips)), key=lambda index: strips[index].shape[1])
        for batch in _batches(order, [strip.shape[1] for strip in strips]):
            for index, reading in zip(batch, self._read_batch([strips[index] for index in batch]), strict=True):
                readings[index] = reading
        return readings

    def _read_batch(self, strips: Sequence[Grey]) -> list[Reading]:
        widths = [max(_STEP, round(strip.shape[1] * self._squeeze)) for strip in strips]
        longest = max(_LEAST_WIDTH, -(-max(widths) // _STEP) * _STEP)
        planes = np.zeros((len(strips), 3, HEIGHT, longest), np.float32)
        for row, (strip, width) in enumerate(zip(strips, widths, strict=True)):
            resized = cv2.resize(strip, (width, HEIGHT), interpolation=cv2.INTER_AREA)
            planes[row, :, :, :width] = resized.astype(np.float32) / 127.5 - 1.0
        scores = np.asarray(self._session.run(None, {"x": planes})[0], np.float32)
        step = longest / scores.shape[1]
        return [
            self._decode(score, step * strip.shape[1] / width, strip.shape[1])
            for score, strip, width in zip(scores, strips, widths, strict=True)
        ]

    def _decode(self, scores: NDArray[np.float32], step: float, width: int) -> Reading:
        best = scores.argmax(axis=1)
        fresh = np.flatnonzero((best != 0) & (best != np.concatenate(([0], best[:-1]))))
        letters: list[tuple[str, float, float, bool]] = []
        spaced = False
        for moment in fresh:
            letter = self._alphabet[int(best[moment])]
            if letter.isspace():
                spaced = True
                continue
            letters.append((letter, float(scores[moment, best[moment]]), (float(moment) + 0.5) * step, spaced))
            spaced = False
        return Reading(_placed(letters, float(width)))


def _placed(letters: list[tuple[str, float, float, bool]], width: float) -> tuple[Glyph, ...]:
    """Each character reaches half-way to its neighbours, and no further than is usual on its line."""
    middles = [min(centre, width) for _, _, centre, _ in letters]
    steps = [after - before for before, after in pairwise(middles)]
    reach = min(HEIGHT / 2, float(np.median(steps)) * _REACH) if steps else HEIGHT / 2
    centres = [0.0, *middles, width]
    glyphs = []
    for at, (letter, confidence, _, spaced) in enumerate(letters, start=1):
        before, centre, after = centres[at - 1], centres[at], centres[at + 1]
        left = max((before + centre) / 2, centre - reach)
        right = min((centre + after) / 2, centre + reach)
        glyphs.append(Glyph(letter, min(confidence, 1.0), min(left, centre), max(right, centre), spaced))
    return tuple(glyphs)


def _batches(order: Sequence[int], widths: Sequence[int]) -> list[list[int]]:
    """Neighbours in width share a batch while its area stays small, which bounds memory and wasted padding."""
    batches: list[list[int]] = []
    for index in order:
        last = batches[-1] if batches else None
        if last is not None and (len(last) + 1) * max(widths[index], _LEAST_WIDTH) <= _COLUMNS_AT_ONCE:
            last.append(index)
        else:
            batches.append([index])
    return batches
