"""Lines of text cut out of the page and straightened, ready for a recogniser."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.detection import Quad
from ocr_pipeline.adapters.engines.cpu.imaging import Grey

HEIGHT = 48
"""Pixels: the height both recognisers were trained near."""

_LEAST_WIDTH = 16
# Page pixels. On Korean faxes 0.8 takes a third off Tesseract's errors; on clean scans it changes nothing.
_BLUR = 0.8
_LEAST_BLUR = 0.3


@dataclass(frozen=True, slots=True)
class Strip:
    """One line: `image` is HEIGHT pixels high, `quad` its corners on the page, `back` maps strip points to the page.

    `scale` is how much larger the strip is than the page.
    """

    image: Grey
    quad: Quad
    back: NDArray[np.float64]
    scale: float

    @property
    def width(self) -> int:
        """Pixels of the strip's image."""
        return int(self.image.shape[1])

    @property
    def smooth(self) -> Grey:
        """The image without the jagged edges of fax and speckle, as Tesseract reads it best."""
        return np.asarray(cv2.GaussianBlur(self.image, (0, 0), max(_LEAST_BLUR, _BLUR * self.scale)), np.uint8)

    def on_page(self, left: float, right: float) -> NDArray[np.float32]:
        """The four page points (4 x 2) of the part of the strip from `left` to `right` (strip pixels)."""
        corners = np.array([[[left, 0], [right, 0], [right, HEIGHT], [left, HEIGHT]]], np.float32)
        return np.asarray(cv2.perspectiveTransform(corners, self.back)[0], np.float32)


def cut(page: Grey, quad: Quad) -> Strip:
    """Straighten the part of the page inside the corners into a strip."""
    across = max(float(np.linalg.norm(quad[1] - quad[0])), float(np.linalg.norm(quad[2] - quad[3])))
    down = max(float(np.linalg.norm(quad[3] - quad[0])), float(np.linalg.norm(quad[2] - quad[1])), 1.0)
    scale = HEIGHT / down
    width = max(_LEAST_WIDTH, round(across * scale))
    target = np.array([[0, 0], [width, 0], [width, HEIGHT], [0, HEIGHT]], np.float32)
    forth = cv2.getPerspectiveTransform(np.asarray(quad, np.float32), target)
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    image = cv2.warpPerspective(page, forth, (width, HEIGHT), flags=method, borderMode=cv2.BORDER_REPLICATE)
    return Strip(np.asarray(image, np.uint8), quad, np.asarray(np.linalg.inv(forth), np.float64), scale)
