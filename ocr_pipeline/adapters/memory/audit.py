"""The append-only audit trail in memory."""

from __future__ import annotations

from collections.abc import Iterator

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain import audit
from ocr_pipeline.domain.audit import AuditEntry, AuditEvent, ChainHead
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import DocumentId


class MemoryAuditTrail:
    """Audit events: there is no way to change or remove one."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def append(self, entry: AuditEntry) -> AuditEvent:
        """Chain one entry. Raises IntegrityError unless the document is held."""
        self._transaction.require_held(entry.document_id)
        event, head = audit.append(self.head(entry.document_id), entry)
        self._transaction.events.put((entry.document_id, event.sequence), event)
        self._transaction.heads.put(entry.document_id, head)
        return event

    def events(self, document_id: DocumentId) -> Iterator[AuditEvent]:
        """Oldest first."""
        found = [row for row in self._transaction.events.rows() if row.entry.document_id == document_id]
        return iter(sorted(found, key=lambda row: row.sequence))

    def head(self, document_id: DocumentId) -> ChainHead:
        """Raises NotFound."""
        head = self._transaction.heads.get(document_id)
        if head is None:
            raise NotFound("no such document")
        return head

    def document_ids(self, *, after: DocumentId | None = None) -> Iterator[DocumentId]:
        """In order of id."""
        chained = (document_id for document_id, _ in self._transaction.events.names())
        known = sorted({*self._transaction.documents.names(), *chained})
        return (document_id for document_id in known if after is None or document_id > after)
