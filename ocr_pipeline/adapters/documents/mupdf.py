"""What MuPDF must be asked: its complaints, its errors, and how much a page's instructions decompress to."""

from __future__ import annotations

import re

import pymupdf
from PIL import Image

MUPDF_OUT_OF_MEMORY = pymupdf.mupdf.FzErrorSystem
"""Raised for an allocation that failed; files and sockets, its other causes, are out of a child's reach."""

MUPDF_ERRORS = (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError)
"""What PyMuPDF raises on damaged files. Catch MUPDF_OUT_OF_MEMORY first."""

_CONTENT_LOST = re.compile(
    r"image|jpe?g|jpx|j2k|jp2|jbig2|ccitt|fax|zlib|flate|lzw|run.?length|crypt|xobject|syntax error|stream"
    r"|truncat|premature|corrupt|padding|read error|end of (?:file|data)|cannot (?:load|find|read|decode|draw)",
    re.IGNORECASE,
)


def take_complaints() -> list[str]:
    """MuPDF's warnings and errors since the last call. They may quote the document: never pass them on."""
    return str(pymupdf.TOOLS.mupdf_warnings(reset=True)).splitlines()


def tell_of_loss(complaints: list[str]) -> bool:
    """Whether part of a page may be missing; other complaints (fonts, colour profiles) cost at most its looks."""
    return any(_CONTENT_LOST.search(complaint) for complaint in complaints)


def content_exceeds(page: pymupdf.Page, bound: int) -> bool:
    """Whether a page's drawing instructions decompress to more than `bound` bytes. Keeps none of them."""
    mupdf = pymupdf.mupdf
    pdf_page = mupdf.pdf_page_from_fz_page(page.this)
    contents = mupdf.pdf_dict_gets(pdf_page.obj(), "Contents")
    if not contents.m_internal:
        return False
    stream = mupdf.pdf_open_contents_stream(pdf_page.doc(), contents)
    return int(mupdf.fz_skip(stream, bound + 1)) > bound


def to_image(pixmap: pymupdf.Pixmap) -> Image.Image:
    """A pixmap as a grey image."""
    if pixmap.alpha or pixmap.n != 1:
        pixmap = pymupdf.Pixmap(pymupdf.csGRAY, pixmap)
    return Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
