"""One PDF page: taken out of the file where it is a scan, drawn where it is not, doubted where something is missing.

Drawn pages are grey, at the scan's own resolution where there is one, else at `render_dpi`, within the budget.
"""

from __future__ import annotations

import math

import pymupdf

from ocr_pipeline.adapters.documents.grumbles import Grumbles
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.mupdf import (
    MUPDF_ERRORS,
    MUPDF_OUT_OF_MEMORY,
    content_exceeds,
    take_complaints,
    tell_of_loss,
    to_image,
)
from ocr_pipeline.adapters.documents.pdf_damage import has_cut_jpeg, problem_of
from ocr_pipeline.adapters.documents.pdf_scan import Marks, Scan, find_scan, take_scan
from ocr_pipeline.adapters.documents.picture import DECODE_ERRORS
from ocr_pipeline.adapters.documents.protocol import PageReport
from ocr_pipeline.adapters.documents.raster import encode
from ocr_pipeline.adapters.documents.source import without_image
from ocr_pipeline.adapters.documents.text_layer import worthwhile
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.documents import OpenedPage
from ocr_pipeline.ports.engine import PageImage

POINTS_PER_INCH = 72
_REFUSALS = {
    PageReason.BLANK_RENDER: RefusalReason.BLANK_RENDER,
    PageReason.NOT_RENDERED: RefusalReason.MALFORMED,
}


def open_page(document: pymupdf.Document, index: int, limits: OpenerLimits, grumbles: Grumbles) -> PageReport:
    """The page of that index, from 0.

    Raises Refused (`page_too_large`, `decompression_bomb`) and what PyMuPDF raises.
    """
    take_complaints()
    page = document.load_page(index)
    _check_bounds(page, limits)
    marks: Marks = page.get_bboxlog()
    text = worthwhile(page.get_text("text"), limits.max_text_characters)
    scan = find_scan(page, marks, limits)
    taken, damaged = _take(page, scan, limits, grumbles)
    if taken is not None and not damaged:
        image, passed_through = taken
        return PageReport(OpenedPage(index + 1, image, None, text, passed_through))
    return _drawn(page, scan, marks, text, limits, damaged=damaged)


def _take(
    page: pymupdf.Page, scan: Scan | None, limits: OpenerLimits, grumbles: Grumbles
) -> tuple[tuple[PageImage, bool] | None, bool]:
    """The scan out of the file, None where the page must be drawn; and whether anything about the page is damaged."""
    taken = None
    damaged = False
    if scan is not None:
        try:
            taken = take_scan(page, scan, limits, grumbles)
        except MUPDF_OUT_OF_MEMORY:
            raise
        except (*DECODE_ERRORS, *MUPDF_ERRORS):
            damaged = True
    return taken, tell_of_loss(take_complaints()) or damaged


def _drawn(
    page: pymupdf.Page, scan: Scan | None, marks: Marks, text: str | None, limits: OpenerLimits, *, damaged: bool
) -> PageReport:
    number = page.number + 1
    scale = _scale(page, scan.dpi if scan else limits.render_dpi, limits)
    if min(page.rect.width, page.rect.height) * scale < limits.min_side:
        return without_image(number, PageReason.NOT_RENDERED, RefusalReason.IMAGE_TOO_SMALL, text)
    if has_cut_jpeg(page):
        return without_image(number, PageReason.NOT_RENDERED, RefusalReason.MALFORMED, text)
    matrix = pymupdf.Matrix(scale, scale)
    drawn = to_image(page.get_pixmap(matrix=matrix, colorspace=pymupdf.csGRAY, alpha=False))
    problem = problem_of(page, drawn, marks, damaged=tell_of_loss(take_complaints()) or damaged)
    if problem is not None:
        return without_image(number, problem, _REFUSALS[problem], text)
    image = encode(drawn, scale * POINTS_PER_INCH, lossy=scan is not None and scan.is_jpeg)
    return PageReport(OpenedPage(number, image, None, text))


def _check_bounds(page: pymupdf.Page, limits: OpenerLimits) -> None:
    sides = (page.rect.width, page.rect.height)
    if not all(math.isfinite(side) and 0 < side <= limits.max_page_points for side in sides):
        raise Refused(RefusalReason.PAGE_TOO_LARGE, "a page is too large", limit="max_page_points")
    if any(row[2] * row[3] > limits.max_source_pixels for row in page.get_images(full=True)):
        raise Refused(RefusalReason.DECOMPRESSION_BOMB, "an image is too large to decode", limit="max_source_pixels")
    if content_exceeds(page, limits.max_content_bytes):
        raise Refused(RefusalReason.DECOMPRESSION_BOMB, "a page's content is too long", limit="max_content_bytes")


def _scale(page: pymupdf.Page, dpi: float, limits: OpenerLimits) -> float:
    """Pixels a point at a resolution, or at the highest one within the budget."""
    wanted = dpi / POINTS_PER_INCH
    width, height = float(page.rect.width) * wanted, float(page.rect.height) * wanted
    fitted = min(1.0, math.sqrt(limits.max_pixels / (width * height)), limits.max_side / max(width, height))
    if fitted == 1.0:
        return wanted
    return wanted * fitted * (1 - 2 / (min(width, height) * fitted))  # MuPDF rounds sides up
