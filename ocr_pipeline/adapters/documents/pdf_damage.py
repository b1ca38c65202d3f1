"""Whether a drawn page shows what is in it.

MuPDF draws what it can and leaves white what it cannot, without an error. So a page is a problem when it comes out
blank though it has something to show, or when MuPDF complained of lost content and the page looks cut.
"""

from __future__ import annotations

import pymupdf
from PIL import Image

from ocr_pipeline.adapters.documents.jpeg_ends import MAX_LOST_SHARE, lost_share
from ocr_pipeline.adapters.documents.mupdf import to_image
from ocr_pipeline.adapters.documents.pdf_scan import Marks
from ocr_pipeline.adapters.documents.picture import DECODE_ERRORS
from ocr_pipeline.adapters.documents.raster import WHITE, is_uniform, varied_rows
from ocr_pipeline.domain.pages import PageReason

_MIN_BAND = 0.5
"""A damaged page that shows something in less than this share of its height lost too much to be read alone."""
_MAX_PADDING = 0.02
_MAX_WHITE = 0.15
"""Rows of one shade at the foot of a damaged page, where a decoder fills what data ended early; white may be margin."""
_MIN_PIXELS = 250_000
"""Smaller images are logos and stamps."""

_TEXT = frozenset({"fill-text", "stroke-text"})
_IMAGES = frozenset({"fill-image", "fill-imgmask"})
_PATHS = frozenset({"fill-path", "stroke-path", "fill-shade"})
_WHITE = (1.0, 1.0, 1.0)


def problem_of(page: pymupdf.Page, drawn: Image.Image, marks: Marks, *, damaged: bool) -> PageReason | None:
    """What is wrong with a page that was drawn in grey; `damaged` tells that MuPDF complained of lost content."""
    if is_uniform(drawn):
        return PageReason.BLANK_RENDER if damaged or _has_something_to_show(page, marks) else None
    return PageReason.NOT_RENDERED if damaged and _looks_cut(drawn) else None


def has_cut_jpeg(page: pymupdf.Page) -> bool:
    """Whether a JPEG on the page lacks a part: MuPDF does not complain of one that ends early with its end marker."""
    return any(_is_cut(page, row[0]) for row in page.get_images(full=True) if row[2] * row[3] >= _MIN_PIXELS)


def _is_cut(page: pymupdf.Page, xref: int) -> bool:
    if "DCTDecode" not in page.parent.xref_get_key(xref, "Filter")[1]:
        return False
    try:
        return lost_share(page.parent.extract_image(xref)["image"]) > MAX_LOST_SHARE
    except DECODE_ERRORS:  # a kind of JPEG that only MuPDF reads, or one that neither does: it will complain
        return False


def _looks_cut(drawn: Image.Image) -> bool:
    top, bottom = varied_rows(drawn)
    if bottom - top < _MIN_BAND * drawn.height:
        return True
    is_white = drawn.getpixel((0, drawn.height - 1)) == WHITE
    return drawn.height - bottom > (_MAX_WHITE if is_white else _MAX_PADDING) * drawn.height


def _has_something_to_show(page: pymupdf.Page, marks: Marks) -> bool:
    """Whether a page that came out blank holds more than white: printed text, an image that varies, a drawing.

    A white page may be honest: a scanned empty sheet, or a white rectangle drawn as the ground of an empty form.
    """
    paper = page.rect * page.derotation_matrix
    kinds = {kind for kind, box in marks if not (pymupdf.Rect(box) & paper).is_empty}
    if kinds & _TEXT and page.get_text("text").strip():
        return True
    if kinds & _IMAGES and any(_varies(page, row[0]) for row in page.get_images(full=True)):
        return True
    return bool(kinds & _PATHS) and any(_is_visible(path) for path in page.get_cdrawings())


def _varies(page: pymupdf.Page, xref: int) -> bool:
    return not is_uniform(to_image(pymupdf.Pixmap(page.parent, xref)))


def _is_visible(path: dict[str, object]) -> bool:
    return any(path.get(paint) not in {None, _WHITE} for paint in ("color", "fill"))
