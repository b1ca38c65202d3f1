"""Pages in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import Conflict, NotFound
from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.pages import Page, PageState

_LIVE = frozenset({DocumentState.QUEUED, DocumentState.PROCESSING})


class MemoryPages:
    """Pages."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, pages: Sequence[Page]) -> None:
        """Insert all or none. Raises Conflict for a known page, IntegrityError unless the document is held."""
        for page in pages:
            self._transaction.require_held(page.ref.document_id)
        refs = {page.ref for page in pages}
        if len(refs) < len(pages) or any(self._transaction.pages.get(ref) is not None for ref in refs):
            raise Conflict("a page with this number exists already")
        for page in pages:
            self._transaction.pages.put(page.ref, page)

    def get(self, page: PageRef) -> Page:
        """Raises NotFound."""
        found = self._transaction.pages.get(page)
        if found is None:
            raise NotFound("no such page")
        return found

    def save(self, page: Page) -> None:
        """Write every field. Raises NotFound, IntegrityError unless the document is held."""
        self._transaction.require_held(page.ref.document_id)
        self.get(page.ref)
        self._transaction.pages.put(page.ref, page)

    def of_document(self, document_id: DocumentId) -> list[Page]:
        """In order of their numbers."""
        found = [row for row in self._transaction.pages.rows() if row.ref.document_id == document_id]
        return sorted(found, key=lambda row: row.ref.number)

    def states(self, document_id: DocumentId) -> list[PageState]:
        """In order of their numbers."""
        return [page.state for page in self.of_document(document_id)]

    def due(self, *, now: datetime, dispatched_before: datetime, limit: int) -> list[PageRef]:
        """Most urgent and oldest first."""
        live = {row.id: row.priority for row in self._transaction.documents.rows() if row.state in _LIVE}
        found = [
            row.ref
            for row in self._transaction.pages.rows()
            if row.ref.document_id in live and _is_due(row, now, dispatched_before)
        ]
        return sorted(found, key=lambda ref: (live[ref.document_id], ref))[:limit]


def _is_due(page: Page, now: datetime, dispatched_before: datetime) -> bool:
    if page.state is not PageState.QUEUED or (page.not_before is not None and page.not_before > now):
        return False
    if page.dispatched_at is None or page.dispatched_at < dispatched_before:
        return True
    return page.not_before is not None and page.dispatched_at < page.not_before
