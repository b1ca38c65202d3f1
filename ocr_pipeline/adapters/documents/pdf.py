"""PDF files as pages, through MuPDF."""

from __future__ import annotations

from collections.abc import Iterator

import pymupdf

from ocr_pipeline.adapters.documents.grumbles import Grumbles
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.mupdf import MUPDF_ERRORS, MUPDF_OUT_OF_MEMORY, take_complaints
from ocr_pipeline.adapters.documents.pdf_page import open_page
from ocr_pipeline.adapters.documents.protocol import PageReport
from ocr_pipeline.adapters.documents.source import Source, without_image
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.domain.pages import PageReason


def open_pdf(content: bytes, limits: OpenerLimits, grumbles: Grumbles) -> Source:
    """Open a PDF. One that only an owner's password protects opens like any other.

    Raises Refused: `encrypted_pdf`, `malformed`, `no_pages`, `too_many_pages`; MemoryError where memory runs out.
    MuPDF opens much that is damaged as a document without pages: a damaged file is told from an empty one by whether
    it had to be repaired, or complained.
    """
    take_complaints()
    try:
        document = pymupdf.open(stream=content, filetype="pdf")
        count = 0 if document.needs_pass else document.page_count
    except MUPDF_OUT_OF_MEMORY:
        raise MemoryError from None
    except MUPDF_ERRORS as error:
        raise _unopened(error) from None
    if document.needs_pass:
        raise Refused(RefusalReason.ENCRYPTED_PDF, "the file asks for a password")
    if count > limits.max_pages:
        raise Refused(RefusalReason.TOO_MANY_PAGES, "the file has too many pages", limit="max_pages")
    if count < 1:
        damaged = document.is_repaired or bool(take_complaints())
        raise Refused(RefusalReason.MALFORMED if damaged else RefusalReason.NO_PAGES, "the file has no pages")
    return Source(count, _pages(document, count, limits, grumbles))


def _pages(document: pymupdf.Document, count: int, limits: OpenerLimits, grumbles: Grumbles) -> Iterator[PageReport]:
    for index in range(count):
        try:
            report = open_page(document, index, limits, grumbles)
        except MUPDF_OUT_OF_MEMORY:
            raise MemoryError from None
        except MUPDF_ERRORS:
            report = without_image(index + 1, PageReason.NOT_RENDERED, RefusalReason.MALFORMED)
        yield report
        pymupdf.TOOLS.store_shrink(100)


def _unopened(error: Exception) -> Refused:
    if "crypt" in str(error).lower():
        return Refused(RefusalReason.ENCRYPTED_PDF, "the file is encrypted in a way that is not supported")
    return Refused(RefusalReason.MALFORMED, "the file cannot be read as a PDF")


def sample_pdf(jpeg: bytes) -> bytes:
    """A small PDF that takes each way a page can go: a scan alone, text, and nothing."""
    document = pymupdf.open()
    scan = document.new_page(width=64, height=64)
    scan.insert_image(scan.rect, stream=jpeg)
    text = document.new_page(width=200, height=200)
    text.insert_text((20, 50), "Sample text for a first rendering")
    text.insert_text((20, 90), "\ud55c\uae00", fontname="korea")
    text.draw_rect((20, 100, 60, 140), fill=(0.5, 0.5, 0.5))
    document.new_page(width=200, height=200)
    return bytes(document.tobytes())
