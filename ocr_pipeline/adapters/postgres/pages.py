"""Rows of pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select

from ocr_pipeline.adapters.postgres.rows import page_from_row, page_to_row
from ocr_pipeline.adapters.postgres.statements import insertion, replacement, selection
from ocr_pipeline.adapters.postgres.tables import documents, pages
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.pages import Page, PageState

_LIVE = (DocumentState.QUEUED.value, DocumentState.PROCESSING.value)

_ADD = insertion(pages)
_GET = selection(pages)
_SAVE = replacement(pages)
_STATES = "SELECT state FROM pages WHERE document_id = %(document_id)s ORDER BY number"


class PostgresPages:
    """The `Pages` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, new: Sequence[Page]) -> None:
        """Insert all or none. Raises Conflict for a known page, IntegrityError unless the document is held."""
        for page in new:
            self._transaction.require_held(page.ref.document_id)
        if new:
            self._transaction.insert_all_new(_ADD, [page_to_row(page) for page in new])

    def get(self, page: PageRef) -> Page:
        """Raises NotFound."""
        row = self._transaction.first_of(_GET, {"document_id": page.document_id, "number": page.number})
        if row is None:
            raise NotFound("no such page")
        return page_from_row(row)

    def save(self, page: Page) -> None:
        """Write every field. Raises NotFound, IntegrityError unless the document is held."""
        self._transaction.require_held(page.ref.document_id)
        if not self._transaction.run_plain(_SAVE, page_to_row(page)):
            raise NotFound("no such page")

    def of_document(self, document_id: DocumentId) -> list[Page]:
        """In order of their numbers."""
        found = self._transaction.all(select(pages).where(pages.c.document_id == document_id).order_by(pages.c.number))
        return [page_from_row(row) for row in found]

    def states(self, document_id: DocumentId) -> list[PageState]:
        """In order of their numbers."""
        found = self._transaction.all_of(_STATES, {"document_id": document_id})
        return [PageState(row["state"]) for row in found]

    def due(self, *, now: datetime, dispatched_before: datetime, limit: int) -> list[PageRef]:
        """Most urgent and oldest first."""
        found = self._transaction.all(
            select(pages.c.document_id, pages.c.number)
            .join(documents, documents.c.id == pages.c.document_id)
            .where(
                pages.c.state == PageState.QUEUED.value,
                documents.c.state.in_(_LIVE),
                or_(pages.c.not_before.is_(None), pages.c.not_before <= now),
                # greatest() passes over NULLs.
                or_(
                    pages.c.dispatched_at.is_(None),
                    pages.c.dispatched_at < func.greatest(dispatched_before, pages.c.not_before),
                ),
            )
            .order_by(documents.c.priority, pages.c.document_id, pages.c.number)
            .limit(limit)
        )
        return [PageRef(DocumentId(row["document_id"]), row["number"]) for row in found]
