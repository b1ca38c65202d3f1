"""Code pages: small pictures of codes and form lines in fixed pitch, in the typefaces that PyMuPDF carries.

The same seed draws the same pages on every machine. They are what the tiny reader learns from and is tested on.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

CELL = 28
LINE = 2 * CELL
COLUMNS, LINES = 16, 2
WIDTH = COLUMNS * CELL
TALLEST = LINES * LINE + 2 * CELL
DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CODE_LETTERS = CAPITALS.replace("I", "").replace("O", "")
HANGUL = "환자성명처방진단용량일회정번호"
LATIN_FACES = ("cour", "cobo")
HANGUL_FACE = "korea"
SIZES = (44, 46, 48)
HANGUL_SIZE = 30
_REACH = 8
_BASELINE = 43


@dataclass(frozen=True, slots=True)
class CodePage:
    """A grey picture, `WIDTH` pixels wide and as high as its lines need, and its text, lines parted by newlines."""

    pixels: Pixels
    text: str
    cells: tuple[tuple[str, int, int], ...] = ()
    """Each letter with its line and column, columns counted in cells."""

    def png(self) -> bytes:
        """The picture as a PNG file."""
        held = io.BytesIO()
        Image.fromarray(self.pixels).save(held, "PNG", dpi=(200, 200))
        return held.getvalue()


@cache
def _font(face: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(pymupdf.Font(face).buffer), size)


@cache
def _mask(face: str, size: int, character: str) -> Pixels:
    """How dark each pixel around a cell is made by a character, 0 to 255."""
    width, height = CELL + 2 * _REACH, LINE + 2 * _REACH
    picture = Image.new("L", (width, height), 0)
    place = (width / 2, _REACH + _BASELINE)
    ImageDraw.Draw(picture).text(place, character, font=_font(face, size), fill=255, anchor="ms")
    return np.asarray(picture)


def draw(lines: list[str], random: Random) -> CodePage:
    """Lines on a page with a margin of one cell around them."""
    face, size = random.choice(LATIN_FACES), random.choice(SIZES)
    ink, paper = random.randint(0, 70), random.randint(235, 255)
    height = len(lines) * LINE + 2 * CELL
    dark = np.zeros((height + 2 * _REACH, WIDTH + 2 * _REACH), np.uint8)
    shift_x, shift_y = random.randint(-3, 3), random.randint(-3, 3)
    cells = []
    for number, line in enumerate(lines):
        for column, character in enumerate(line, 1):
            if character == " ":
                continue
            cells.append((character, number, column))
            hangul = character in HANGUL
            mask = _mask(HANGUL_FACE if hangul else face, HANGUL_SIZE if hangul else size, character)
            top = CELL + number * LINE + shift_y + random.randint(-1, 1)
            left = column * CELL + shift_x + random.randint(-1, 1)
            place = dark[top : top + mask.shape[0], left : left + mask.shape[1]]
            np.maximum(place, mask, out=place)
    share = dark[_REACH:-_REACH, _REACH:-_REACH].astype(np.float32) / 255
    grey = paper + (ink - paper) * share
    noise = np.random.default_rng(random.getrandbits(32)).normal(0, random.uniform(0, 6), grey.shape)
    return CodePage(np.clip(grey + noise, 0, 255).astype(np.uint8), "\n".join(lines), tuple(cells))
