"""Pixels: grey, upright, square, within the budget, and encoded once.

What must be encoded anew becomes grey: recognition reads luminance, and colour would cost three times the time and
room. It becomes PNG where the source was lossless or drawn, and JPEG of high quality where it was a JPEG already, since
PNG spends six times as long on a scanner's noise without adding anything.
"""

from __future__ import annotations

import io
import math
from typing import cast

from PIL import Image, ImageChops

from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.protocol import DPI_RANGE
from ocr_pipeline.ports.engine import PageImage

JPEG_QUALITY = 92
PNG_LEVEL = 1
"""zlib's fastest: on scans the slower levels take two to four times as long for a tenth of the size."""

MAX_STRETCH = 4.0
ROUNDED = 1.05
"""Resolutions this close are the same one, rounded from a metric figure."""

WHITE = 255
DEEP_MODES = frozenset({"I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


def fitted_size(width: float, height: float, limits: OpenerLimits) -> tuple[int, int]:
    """The size an image is reduced to: its own where it is within the budget, else as large as the budget allows."""
    scale = min(1.0, math.sqrt(limits.max_pixels / (width * height)), limits.max_side / max(width, height))
    if scale == 1.0:
        return max(1, round(width)), max(1, round(height))
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))


def fits(width: int, height: int, limits: OpenerLimits) -> bool:
    """Whether an image needs no reducing."""
    return fitted_size(width, height, limits) == (width, height)


def squared_size(width: int, height: int, dpi: tuple[float, float] | None) -> tuple[float, float, float | None]:
    """Width and height with square pixels, and the resolution then: faxes have 204 by 98 pixels to the inch.

    The coarser axis grows. Resolutions that no scanner has, or too far apart, are not believed.
    """
    if dpi is None or not all(DPI_RANGE[0] <= axis <= DPI_RANGE[1] for axis in dpi):
        return width, height, None
    finer = max(dpi)
    ratio = finer / min(dpi)
    if ratio > MAX_STRETCH:
        return width, height, None
    if ratio < ROUNDED:
        return width, height, finer
    return width * finer / dpi[0], height * finer / dpi[1], finer


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The image in another size, each pixel the mean of the area it covers."""
    if size == image.size:
        return image
    if image.mode in {"1", "P", "PA"}:
        image = grey(image).convert("L")
    return image.resize(size, Image.Resampling.BOX)


def grey(image: Image.Image) -> Image.Image:
    """The image in mode L, or 1 where it is bilevel, laid on white where it is transparent.

    Deep greys (16 and 32 bits, of which files often use a part only) are stretched from darkest to lightest.
    """
    if image.mode in {"1", "L"} and "transparency" not in image.info:
        return image
    if image.mode in DEEP_MODES:
        return _stretched(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        image = ground
    return image.convert("L")


def encode(image: Image.Image, dpi: float | None, *, lossy: bool = False) -> PageImage:
    """Encode a grey or bilevel image, as JPEG where `lossy`, else as PNG."""
    buffer = io.BytesIO()
    if lossy:
        image.convert("L").save(buffer, "JPEG", quality=JPEG_QUALITY)
    else:
        image.save(buffer, "PNG", compress_level=PNG_LEVEL)
    media_type = "image/jpeg" if lossy else "image/png"
    return PageImage(buffer.getvalue(), media_type, image.width, image.height, dpi)


def extrema(image: Image.Image) -> tuple[float, float]:
    """The darkest and the lightest pixel of an image of one channel."""
    return cast("tuple[float, float]", image.getextrema())


def is_uniform(image: Image.Image) -> bool:
    """Whether all pixels of a grey or bilevel image are alike."""
    lowest, highest = extrema(image.convert("L"))
    return lowest == highest


def varied_rows(image: Image.Image) -> tuple[int, int]:
    """The band of rows, from and up to, outside of which each row of a grey image is of one shade; (0, 0) for none."""
    edge = image.crop((0, 0, 1, image.height)).resize(image.size, Image.Resampling.NEAREST)
    box = ImageChops.difference(image, edge).getbbox()
    return (box[1], box[3]) if box else (0, 0)


def _stretched(image: Image.Image) -> Image.Image:
    deep = image.convert("F")
    lowest, highest = extrema(deep)
    span = highest - lowest
    scale, offset = (WHITE / span, -lowest * WHITE / span) if span > 0 else (0.0, float(WHITE))
    return deep.point(lambda value: value * scale + offset).convert("L")
