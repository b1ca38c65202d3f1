"""A page image in a form that model servers take."""

from __future__ import annotations

import io

from PIL import Image

from ocr_pipeline.adapters.documents.picture import DECODE_ERRORS
from ocr_pipeline.adapters.documents.raster import DEEP_MODES, PNG_LEVEL, grey
from ocr_pipeline.domain.errors import PageUnreadable
from ocr_pipeline.ports.engine import PageImage

_TIFF = "image/tiff"
_PNG = "image/png"
_KEPT_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""What PNG keeps pixel by pixel and every server reads alike."""


def servable(page: PageImage) -> PageImage:
    """The page as it is stored, a TIFF with the same pixels as PNG: servers do not take TIFF reliably.

    Colours that PNG does not know become RGB, deep greys 8 bits. Raises PageUnreadable.
    """
    if page.media_type != _TIFF:
        return page
    png = _as_png(page.data)
    # Raised outside the handler: Pillow's errors may quote the file.
    if png is None:
        raise PageUnreadable("the page image cannot be decoded")
    return PageImage(png, _PNG, page.width, page.height, page.dpi)


def _as_png(tiff: bytes) -> bytes | None:
    buffer = io.BytesIO()
    try:
        with Image.open(io.BytesIO(tiff), formats=("TIFF",)) as image:
            _plain(image).save(buffer, "PNG", compress_level=PNG_LEVEL)
    except (*DECODE_ERRORS, Image.DecompressionBombError):
        return None
    return buffer.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in _KEPT_MODES:
        return image
    return grey(image) if image.mode in DEEP_MODES else image.convert("RGB")
