"""An opened document inside the child, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocr_pipeline.adapters.documents.protocol import PageReport
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.documents import OpenedPage


@dataclass(frozen=True, slots=True)
class Source:
    """How many pages a document has, and their reports in order, made as they are asked for."""

    page_count: int
    pages: Iterator[PageReport]


def without_image(
    number: int, problem: PageReason, refusal: RefusalReason, text_layer: str | None = None
) -> PageReport:
    """A page that gives no image, and why the document is refused where none of its pages gives one."""
    return PageReport(OpenedPage(number, None, problem.value, text_layer), refusal)
