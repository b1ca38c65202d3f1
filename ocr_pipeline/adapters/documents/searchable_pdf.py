"""A PDF that shows the page images and has what was read behind them, to be searched and copied.

The text is drawn in rendering mode 3 (ISO 32000-1, 9.3.6: neither filled nor stroked), each line stretched to the box
that it was read from. Its font is one of PDF's own CJK collections (Adobe-Korea1), which is named and not embedded: it
holds Hangul, Hanja and Latin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pymupdf

from ocr_pipeline.adapters.documents.mupdf import MUPDF_ERRORS, MUPDF_OUT_OF_MEMORY, take_complaints
from ocr_pipeline.domain.errors import PageUnreadable
from ocr_pipeline.domain.text import Box

_FONT = "korea"
_POINTS = 72.0
_A4 = (595.0, 842.0)
_MARGIN = 36.0
_FALLBACK_DPI = 200.0
_INVISIBLE = 3
_ASCENT = 0.8
"""How much of a line's box lies above its base line; the font reaches from there to its descenders."""


@dataclass(frozen=True, slots=True)
class PdfLine:
    """A line of text; without a box it goes where there is room."""

    text: str = field(repr=False)
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class PdfPage:
    """One page: its image (None where there is none), how it is turned, and the lines on it.

    `rotation` is the clockwise turn that brings the image upright; boxes are pixels of the turned image, which has
    `width` x `height` of them at `dpi`.
    """

    image: bytes | None = field(repr=False)
    width: int
    height: int
    lines: Sequence[PdfLine] = field(repr=False)
    dpi: float | None = None
    rotation: int = 0


def searchable_pdf(pages: Iterable[PdfPage]) -> bytes:
    """The PDF of all pages, each the size that it was scanned at. Not safe between threads: MuPDF is not.

    Raises PageUnreadable for an image that cannot be placed. At least one page is needed.
    """
    try:
        with pymupdf.open() as document:
            for page in pages:
                _add(document, page)
            return bytes(document.tobytes(garbage=3, deflate=True))
    except MUPDF_OUT_OF_MEMORY:
        raise MemoryError from None
    except MUPDF_ERRORS:
        raise PageUnreadable("a page image cannot be put into a PDF") from None
    finally:
        take_complaints()


def _add(document: pymupdf.Document, page: PdfPage) -> None:
    has_size = page.width > 0 and page.height > 0
    scale = _POINTS / (page.dpi or _FALLBACK_DPI)
    width, height = (page.width * scale, page.height * scale) if has_size else _A4
    sheet = document.new_page(width=width, height=height)
    if page.image is not None:
        # MuPDF turns anticlockwise.
        sheet.insert_image(sheet.rect, stream=page.image, rotate=-page.rotation % 360, keep_proportion=False)
    loose = [line for line in page.lines if line.box is None or not has_size]
    for line in page.lines:
        if line.box is not None and has_size:
            _write(sheet, line.text, line.box.left * scale, line.box.top * scale, _scaled(line.box, scale))
    _write_loose(sheet, loose)


def _scaled(box: Box, scale: float) -> tuple[float, float]:
    return max(box.width * scale, 1.0), max(box.height * scale, 1.0)


def _write(sheet: pymupdf.Page, text: str, left: float, top: float, size: tuple[float, float]) -> None:
    """A line over its box: as high as it, and stretched to its width."""
    width, height = size
    natural = pymupdf.get_text_length(text, fontname=_FONT, fontsize=height)
    start = pymupdf.Point(left, top + height * _ASCENT)
    stretch = pymupdf.Matrix(width / natural if natural > 0 else 1.0, 1.0)
    sheet.insert_text(
        start, text, fontname=_FONT, fontsize=height, render_mode=_INVISIBLE, morph=(start, stretch), overlay=True
    )


def _write_loose(sheet: pymupdf.Page, lines: Sequence[PdfLine]) -> None:
    """Lines without a place, one below the other from the top of the sheet to its bottom."""
    if not lines:
        return
    step = min(12.0, max(1.0, (sheet.rect.height - 2 * _MARGIN) / len(lines)))
    for number, line in enumerate(lines):
        if line.text.strip():
            start = pymupdf.Point(_MARGIN, _MARGIN + step * (number + _ASCENT))
            sheet.insert_text(start, line.text, fontname=_FONT, fontsize=step * 0.9, render_mode=_INVISIBLE)
