"""Several documents that are the parts of one file, as one result with its pages numbered through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.results.read import DocumentResult

_WORST_FIRST = (
    DocumentState.FAILED,
    DocumentState.REJECTED,
    DocumentState.CANCELLED,
    DocumentState.RECEIVED,
    DocumentState.QUEUED,
    DocumentState.PROCESSING,
    DocumentState.NEEDS_REVIEW,
    DocumentState.COMPLETED,
)


def join(parts: Sequence[tuple[int, DocumentResult]], name: str) -> DocumentResult:
    """One result of the parts in order, each with the number of its first page. It is what its worst part is.

    Raises ValueError where there is no part.
    """
    if not parts:
        raise ValueError("there is nothing to join")
    first = parts[0][1]
    states = {part.document.state for _, part in parts}
    pages = tuple(
        replace(page, number=first_page - 1 + page.number) for first_page, part in parts for page in part.pages
    )
    worst = next(state for state in _WORST_FIRST if state in states)
    return DocumentResult(
        replace(first.document, state=worst, page_count=len(pages)), name, pages, reference=first.reference
    )
