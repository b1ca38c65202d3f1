"""A page photographed with a telephone: lying on a desk, seen at an angle, unevenly lit, a little out of focus."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.uint8]  # height x width x 3, red green blue

_MARGIN: Final = 0.07  # of the page's width and height, on every side
_LEAN: Final = 0.035  # how far a corner may stray, of the picture's width and height
_WHITE: Final = 255


def photograph(page: Colour, rng: np.random.Generator) -> Colour:
    """Photograph `page`; the picture is 14 % larger each way."""
    height, width = round(page.shape[0] * (1 + 2 * _MARGIN)), round(page.shape[1] * (1 + 2 * _MARGIN))
    matrix = _viewpoint(page.shape[1], page.shape[0], width, height, rng)
    seen = cv2.warpPerspective(page, matrix, (width, height), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.full(page.shape[:2], _WHITE, np.uint8), matrix, (width, height))
    alpha = np.asarray(cover, dtype=np.float32)[..., np.newaxis] / _WHITE
    shade = 1.0 - 0.45 * np.asarray(cv2.GaussianBlur(alpha, (0, 0), 14.0), dtype=np.float32)[..., np.newaxis]
    scene = np.asarray(seen, dtype=np.float32) * alpha + _desk(height, width, rng) * shade * (1 - alpha)
    scene *= _light(height, width, rng)[..., np.newaxis]
    scene *= np.array([1.0, rng.uniform(0.965, 0.99), rng.uniform(0.89, 0.96)], dtype=np.float32)
    scene = np.asarray(cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.6, 0.95)), dtype=np.float32)
    scene += rng.standard_normal(scene.shape, dtype=np.float32) * np.float32(2.2)
    return np.clip(np.rint(scene), 0, _WHITE).astype(np.uint8)


def _viewpoint(
    page_width: int, page_height: int, width: int, height: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    corners = np.array([[0, 0], [page_width, 0], [page_width, page_height], [0, page_height]], dtype=np.float32)
    offset = np.array([width * _MARGIN, height * _MARGIN], dtype=np.float32) / (1 + 2 * _MARGIN)
    stray = rng.uniform(-_LEAN, _LEAN, (4, 2)) * (width, height)
    target = np.clip(corners + offset + stray, 4, [width - 4, height - 4]).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, target), dtype=np.float64)


def _desk(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    grain = rng.standard_normal((height // 4, width // 40), dtype=np.float32)
    stretched = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    wood = np.array([132.0, 98.0, 68.0], dtype=np.float32) * np.float32(rng.uniform(0.75, 1.1))
    return np.asarray(wood + np.asarray(stretched, dtype=np.float32)[..., np.newaxis] * np.float32(9.0))


def _light(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Brightness over the picture: a lamp to one side and the soft shadow of the hand that holds the camera."""
    down, across = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    lamp = np.cos(angle) * (across - 0.5) + np.sin(angle) * (down - 0.5)
    x, y = rng.uniform(0.1, 0.9), rng.uniform(0.55, 0.95)
    hand = np.exp(-((across - x) ** 2 / 0.10 + (down - y) ** 2 / 0.06))
    return np.asarray(0.88 + rng.uniform(0.12, 0.26) * lamp - rng.uniform(0.12, 0.25) * hand, dtype=np.float32)
