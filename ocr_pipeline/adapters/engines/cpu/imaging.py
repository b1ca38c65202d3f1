"""From the stored bytes of a page to one grey picture, and the share of it that is ink."""

from __future__ import annotations

import io
import warnings
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ocr_pipeline.domain.errors import PageUnreadable

Grey: TypeAlias = NDArray[np.uint8]

MAX_PIXELS = 100_000_000
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
_INK_WINDOW = 41
_INK_DEPTH = 18
_INK_LONG_SIDE = 1200


def decode(data: bytes) -> Grey:
    """The page as a grey picture (height x width, 0 black to 255 white), turned as its EXIF orientation says.

    Raises PageUnreadable for data that is no PNG, JPEG, TIFF or WebP, is damaged, or holds over MAX_PIXELS pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise PageUnreadable("the page image has too many pixels")
        image.load()
        return _grey(ImageOps.exif_transpose(image))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise PageUnreadable("the page image cannot be decoded") from error


def ink_mask(grey: Grey) -> Grey:
    """Where the page is clearly darker than its surroundings: 255 for ink, 0 for paper, same size as the page."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8)
    mask = cv2.adaptiveThreshold(
        smooth, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, _INK_WINDOW, _INK_DEPTH
    )
    return np.asarray(mask, np.uint8)


def ink_share(grey: Grey) -> float:
    """The share of the page, in [0, 1], that is ink once single specks are wiped away."""
    scale = min(1.0, _INK_LONG_SIDE / max(grey.shape))
    small = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    clean = cv2.medianBlur(ink_mask(small), 3)
    return float(np.count_nonzero(clean)) / clean.size


def pieces(mask: Grey) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of each connected piece of a mask, top to bottom.

    Following outlines passes quickly over empty paper, where labelling every pixel of a page costs a full pass.
    """
    outlines, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = (outline for outline, place in zip(outlines, tree[0], strict=True) if place[3] < 0) if outlines else ()
    boxes = (cv2.boundingRect(outline) for outline in outer)
    return sorted(((left, top, width, height) for left, top, width, height in boxes), key=lambda box: (box[1], box[0]))


def _grey(image: Image.Image) -> Grey:
    if image.mode.startswith(("I", "F")):
        return _wide(image)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        image = Image.alpha_composite(paper, coloured)
    if image.mode in {"CMYK", "YCbCr", "LAB"}:
        image = image.convert("RGB")
    return np.array(image.convert("L"), np.uint8)


def _wide(image: Image.Image) -> Grey:
    """Pictures of 16 bits or more a sample: Pillow's own conversion would clip them to white."""
    values = np.asarray(image, np.float32)
    top = 255.0 if values.max(initial=0.0) <= 255.0 else max(65535.0, float(values.max()))  # noqa: PLR2004
    return np.asarray(np.clip(values * (255.0 / top), 0, 255), np.uint8)
