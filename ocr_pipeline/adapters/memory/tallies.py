"""How many documents, pages and review items stand where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TypeVar

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.records import Counts, Progress

State = TypeVar("State", bound=StrEnum)


def counts(view: Transaction, document_ids: Sequence[DocumentId] | None) -> Counts:
    """Counts over all documents, or over the given ones; every state is named, also where there is none."""
    wanted = set(view.documents.names() if document_ids is None else document_ids)
    return Counts(
        documents=_tally(DocumentState, (row.state for row in view.documents.rows() if row.id in wanted)),
        pages=_tally(PageState, (row.state for row in view.pages.rows() if row.ref.document_id in wanted)),
        open_reviews=sum(row.is_open and row.page.document_id in wanted for row in view.reviews.rows()),
    )


def progress(view: Transaction, document_ids: Sequence[DocumentId]) -> dict[DocumentId, Progress]:
    """How far each document is; every state of a page is named, also where there is none."""
    wanted = set(document_ids)
    found = [row for row in view.documents.rows() if row.id in wanted]
    pages = [row for row in view.pages.rows() if row.ref.document_id in wanted]
    return {
        row.id: Progress(
            state=row.state,
            updated_at=row.updated_at,
            pages=_tally(PageState, (page.state for page in pages if page.ref.document_id == row.id)),
        )
        for row in found
    }


def _tally(states: type[State], found: Iterable[State]) -> dict[State, int]:
    count = Counter(found)
    return {state: count[state] for state in states}
