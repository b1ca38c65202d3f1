"""Documents in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import Conflict, NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.records import DocumentFilter

_LIVE = frozenset({DocumentState.QUEUED, DocumentState.PROCESSING})
_NO_DUPLICATE = frozenset({DocumentState.ERASED, DocumentState.CANCELLED})


class MemoryDocuments:
    """Documents."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, document: Document) -> None:
        """Insert, and hold. Raises Conflict for a known id."""
        self._transaction.hold(document.id)
        if self._transaction.documents.get(document.id) is not None:
            raise Conflict("a document with this id exists already")
        self._transaction.documents.put(document.id, document)
        self._transaction.heads.put(document.id, ChainHead())

    def get(self, document_id: DocumentId) -> Document:
        """Raises NotFound."""
        document = self._transaction.documents.get(document_id)
        if document is None:
            raise NotFound("no such document")
        return document

    def lock(self, document_id: DocumentId) -> Document:
        """Hold, then read what the holder before left."""
        self.get(document_id)
        self._transaction.hold(document_id)
        return self.get(document_id)

    def save(self, document: Document) -> None:
        """Write every field. Raises IntegrityError unless the document is held."""
        self._transaction.require_held(document.id)
        self._transaction.documents.put(document.id, document)

    def find_duplicate(self, client_id: ClientId, fingerprint: bytes) -> Document | None:
        """The newest live document with this fingerprint; holds the fingerprint."""
        self._transaction.lock("fingerprint", client_id, fingerprint)
        same = (
            row
            for row in self._transaction.documents.rows()
            if row.client_id == client_id and row.fingerprint == fingerprint and row.state not in _NO_DUPLICATE
        )
        return max(same, key=lambda row: row.id, default=None)

    def find(
        self,
        *,
        states: Sequence[DocumentState] = (),
        client_id: ClientId | None = None,
        limit: int = 100,
        after: DocumentId | None = None,
    ) -> list[Document]:
        """In order of id."""
        found = [
            row
            for row in self._transaction.documents.rows()
            if (not states or row.state in states)
            and (client_id is None or row.client_id == client_id)
            and (after is None or row.id > after)
        ]
        return sorted(found, key=lambda row: row.id)[:limit]

    def newest(self, wanted: DocumentFilter, *, limit: int, before: DocumentId | None = None) -> list[Document]:
        """In falling order of id."""
        found = [
            row
            for row in self._transaction.documents.rows()
            if _passes(row, wanted) and (before is None or row.id < before)
        ]
        return sorted(found, key=lambda row: row.id, reverse=True)[:limit]

    def waiting_pages(self, client_id: ClientId) -> int:
        """Documents not opened yet, and queued pages of live ones."""
        own = [row for row in self._transaction.documents.rows() if row.client_id == client_id]
        live = {row.id for row in own if row.state in _LIVE}
        return sum(row.state is DocumentState.RECEIVED for row in own) + sum(
            page.state is PageState.QUEUED and page.ref.document_id in live for page in self._transaction.pages.rows()
        )

    def stalled(self, *, dispatched_before: datetime, limit: int) -> list[DocumentId]:
        """Most urgent and oldest first."""
        found = [
            row
            for row in self._transaction.documents.rows()
            if row.state is DocumentState.RECEIVED
            and (row.dispatched_at is None or row.dispatched_at < dispatched_before)
        ]
        return [row.id for row in sorted(found, key=lambda row: (row.priority, row.id))[:limit]]


def _passes(document: Document, wanted: DocumentFilter) -> bool:
    return (
        (not wanted.states or document.state in wanted.states)
        and (wanted.client_id is None or document.client_id == wanted.client_id)
        and (not wanted.kinds or document.kind in wanted.kinds)
        and (not wanted.priorities or document.priority in wanted.priorities)
        and (wanted.received_from is None or document.received_at >= wanted.received_from)
        and (wanted.received_before is None or document.received_at < wanted.received_before)
    )
