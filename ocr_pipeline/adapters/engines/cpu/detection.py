"""Where the lines of text are: the PP-OCR detector and its differentiable-binarisation post-processing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.imaging import Grey

Quad: TypeAlias = NDArray[np.float32]
"""Four corners (4 x 2, x then y, pixels): top left, top right, bottom right, bottom left."""

_STRIDE = 32
_INK_THRESHOLD = 0.3
_MIN_SIDE = 3.0


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """`long_side`: pixels the page is shrunk to; `unclip`: growth of the found kernels (DB paper, equation 10)."""

    long_side: int = 1280
    min_score: float = 0.45
    unclip: float = 1.6
    max_regions: int = 1500


class LineDetector:
    """Finds lines of text on a page. Holds no state between pages."""

    def __init__(self, session: onnxruntime.InferenceSession, settings: DetectorSettings) -> None:
        self._session = session
        self._settings = settings

    def find(self, page: Grey) -> list[Quad]:
        """The lines' corners on the page, in no order."""
        height, width = page.shape
        scale = min(1.0, self._settings.long_side / max(height, width))
        size = (_multiple(width * scale), _multiple(height * scale))
        shrunk = cv2.resize(page, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        plane = shrunk.astype(np.float32) / 127.5 - 1.0
        batch = np.broadcast_to(plane, (1, 3, *plane.shape))
        heat = np.asarray(self._session.run(None, {"x": np.ascontiguousarray(batch)})[0], np.float32)[0, 0]
        factor = np.array([width / size[0], height / size[1]], np.float32)
        return [quad * factor for quad in self._regions(heat)]

    def _regions(self, heat: NDArray[np.float32]) -> list[Quad]:
        mask = cv2.dilate((heat > _INK_THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
        contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        found = []
        for contour in contours[: self._settings.max_regions]:
            centre, (across, down), angle = cv2.minAreaRect(contour)
            if min(across, down) < _MIN_SIDE:
                continue
            if _score(heat, _corners(centre, (across, down), angle)) < self._settings.min_score:
                continue
            growth = self._settings.unclip * across * down / (across + down)
            grown = (across + growth, down + growth)
            found.append(_ordered(_corners(centre, grown, angle)))
        return found


def _multiple(pixels: float) -> int:
    return max(_STRIDE, round(pixels / _STRIDE) * _STRIDE)


def _corners(centre: Sequence[float], size: tuple[float, float], angle: float) -> NDArray[np.float32]:
    return np.asarray(cv2.boxPoints((centre, size, angle)), np.float32)


def _score(heat: NDArray[np.float32], corners: NDArray[np.float32]) -> float:
    height, width = heat.shape
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (width - 1, height - 1)).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [(corners - (left, top)).astype(np.int32)], (1,))
    return float(cv2.mean(heat[top : bottom + 1, left : right + 1], mask)[0])


def _ordered(corners: NDArray[np.float32]) -> Quad:
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    (top_left, bottom_left) = sorted(by_x[:2], key=lambda corner: float(corner[1]))
    (top_right, bottom_right) = sorted(by_x[2:], key=lambda corner: float(corner[1]))
    return np.array([top_left, top_right, bottom_right, bottom_left], np.float32)
