"""The upright, straightened page: which turn was made, and how to get back to the stored picture's coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.detection import Quad
from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.domain.text import Box

_LEAST_SKEW = 0.08
_LONG_LINE = 4.0

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def turn(page: Grey, degrees: int) -> Grey:
    """The page turned clockwise by 0, 90, 180 or 270 degrees."""
    return np.asarray(cv2.rotate(page, _TURNS[degrees]), np.uint8) if degrees else page


def sides(quad: Quad) -> tuple[float, float]:
    """Width and height (pixels) of the slanted rectangle."""
    return float(np.linalg.norm(quad[1] - quad[0])), float(np.linalg.norm(quad[3] - quad[0]))


def skew_of(quads: list[Quad]) -> float:
    """Degrees by which the lines fall to the right (clockwise), the median over long lines weighted by length."""
    slopes = []
    for quad in quads:
        width, height = sides(quad)
        if width > _LONG_LINE * height:
            across = quad[1] - quad[0]
            slopes.append((math.degrees(math.atan2(float(across[1]), float(across[0]))), width))
    if not slopes:
        return 0.0
    slopes.sort()
    half, run = sum(weight for _, weight in slopes) / 2, 0.0
    for angle, weight in slopes:
        run += weight
        if run >= half:
            return angle
    return slopes[-1][0]


@dataclass(frozen=True, slots=True)
class Straightening:
    """A small rotation about the page's centre. `forth` (2 x 3) maps the upright page to the straightened one."""

    degrees: float
    forth: NDArray[np.float64]

    @classmethod
    def of(cls, page: Grey, degrees: float) -> Straightening:
        """The rotation that makes lines level which fall by `degrees`."""
        height, width = page.shape
        degrees = degrees if abs(degrees) >= _LEAST_SKEW else 0.0
        return cls(degrees, np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0), np.float64))

    def apply(self, page: Grey) -> Grey:
        """The straightened page, of the same size."""
        if not self.degrees:
            return page
        height, width = page.shape
        level = cv2.warpAffine(
            page, self.forth, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(level, np.uint8)

    def move(self, quad: Quad) -> Quad:
        """The quad's corners on the straightened page."""
        return np.asarray(cv2.transform(quad[None], self.forth)[0], np.float32)

    def box_on_page(self, box: Box, width: int, height: int) -> Box:
        """The upright box around the given straightened one, back on the upright page and inside it."""
        if not self.degrees:
            return _inside(np.array([[box.left, box.top], [box.right, box.bottom]]), width, height)
        corners = np.array(
            [[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]], np.float64
        )
        return _inside(cv2.transform(corners[None], cv2.invertAffineTransform(self.forth))[0], width, height)


def _inside(points: NDArray[np.float64], width: int, height: int) -> Box:
    xs, ys = np.clip(points[:, 0], 0, width), np.clip(points[:, 1], 0, height)
    return Box(float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
