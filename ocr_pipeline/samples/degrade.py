"""What happens to a page on its way: the scanner's, the fax machine's and bad luck's part. Same generator, same pixels.

Pages are grey images, height x width, 0 black to 255 white; every function returns a new one.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Field = NDArray[np.float32]

_WHITE: Final = 255
_STREAK_ODDS: Final = 0.6
_LEFT_ODDS: Final = 0.5


def scan(page: Grey, rng: np.random.Generator) -> Grey:
    """A flatbed scan: up to 0.9 degrees of skew, soft focus, grey paper, a shadow along one edge, grain and dust."""
    tilted = _skew(page, rng.uniform(-0.9, 0.9))
    soft = _blur(tilted.astype(np.float32), rng.uniform(0.45, 0.75))
    height, width = page.shape
    paper, ink = rng.uniform(236, 249), rng.uniform(22, 48)
    light = (ink + soft / _WHITE * (paper - ink)).astype(np.float32)
    light -= _edge_shadow(width, rng)[np.newaxis, :]
    light += _grain(height, width, rng, sigma=2.6)
    _dust(light, rng, specks=int(rng.integers(25, 70)))
    return _to_grey(light)


def fax(page: Grey, rng: np.random.Generator) -> Grey:
    """A fax: black or white only, ragged edges, speckle and now and then a streak from a dirty roller."""
    tilted = _skew(page, rng.uniform(-0.6, 0.6))
    height, width = page.shape
    soft = _blur(tilted.astype(np.float32), 0.7) + _grain(height, width, rng, sigma=16.0)
    black = soft < rng.uniform(140, 165)
    black ^= rng.random((height, width), dtype=np.float32) < rng.uniform(0.0004, 0.0012)
    if rng.random() < _STREAK_ODDS:
        column = int(rng.integers(width // 12, width // 9))
        black[:, column] |= rng.random(height) < rng.uniform(0.15, 0.5)
    return np.where(black, np.uint8(0), np.uint8(_WHITE))


def ruin(page: Grey, rng: np.random.Generator) -> Grey:
    """A page that a person would send back: copied until the letters ran together and faded."""
    height, width = page.shape
    small = cv2.resize(page, (round(width * 0.20), round(height * 0.20)), interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    smeared = _blur(np.asarray(coarse, dtype=np.float32), 3.2)
    cloud = _blur(rng.standard_normal((height // 16, width // 16), dtype=np.float32), 5.0)
    fog = np.asarray(cv2.resize(cloud, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    faded = 205.0 + (smeared - _WHITE) * 0.42 + 260.0 * fog
    return _to_grey(faded + _grain(height, width, rng, sigma=13.0))


def turn(page: NDArray[np.uint8], degrees: int) -> NDArray[np.uint8]:
    """Turn clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(page, k=-(degrees // 90)))


def _skew(page: Grey, degrees: float) -> Grey:
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(page, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(_WHITE,))
    return np.asarray(turned, dtype=np.uint8)


def _blur(image: Field, sigma: float) -> Field:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), dtype=np.float32)


def _grain(height: int, width: int, rng: np.random.Generator, *, sigma: float) -> Field:
    # Sensors blur their own noise a little; this also keeps JPEG files small.
    noise = _blur(rng.standard_normal((height, width), dtype=np.float32), 0.8)
    return np.asarray(noise * np.float32(sigma / float(noise.std())), dtype=np.float32)


def _edge_shadow(width: int, rng: np.random.Generator) -> Field:
    across = np.linspace(0.0, 1.0, width, dtype=np.float32)
    from_edge = across if rng.random() < _LEFT_ODDS else across[::-1]
    return np.asarray(rng.uniform(15, 60) * np.exp(-from_edge * rng.uniform(25, 60)), dtype=np.float32)


def _dust(light: Field, rng: np.random.Generator, *, specks: int) -> None:
    height, width = light.shape
    for x, y, size, tone in zip(
        rng.integers(0, width, specks),
        rng.integers(0, height, specks),
        rng.integers(1, 3, specks),
        rng.uniform(90, 190, specks),
        strict=True,
    ):
        light[y : y + size, x : x + size] = tone


def _to_grey(light: Field) -> Grey:
    return np.clip(np.rint(light), 0, _WHITE).astype(np.uint8)
