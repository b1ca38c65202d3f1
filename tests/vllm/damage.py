"""Damage done to code pages: blur, cuts, noise, each from hardly any to past reading."""

from __future__ import annotations

from random import Random

import cv2
import numpy as np

from tests.tiny_reader.pages import CodePage


def damaged(page: CodePage, random: Random) -> CodePage:
    """The page with one kind of damage of a random degree."""
    damage = random.choice((blurred, cut, noisy))
    pixels = damage(page.pixels.copy(), random)
    return CodePage(np.clip(pixels, 0, 255).astype(np.uint8), page.text)


def blurred(pixels: np.ndarray, random: Random) -> np.ndarray:
    return cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.5, 9.0))


def cut(pixels: np.ndarray, random: Random) -> np.ndarray:
    """A white band over part of the height of the line, as where paper was folded."""
    height = pixels.shape[0]
    depth = random.randint(0, height // 3)
    top = random.randint(height // 4, height // 2)
    pixels[top : top + depth] = 250
    return pixels


def noisy(pixels: np.ndarray, random: Random) -> np.ndarray:
    noise = np.random.default_rng(random.getrandbits(32)).normal(0, random.uniform(5, 140), pixels.shape)
    return pixels.astype(np.float32) + noise
