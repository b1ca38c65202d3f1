"""Rows of audit events. The head of each chain stands in its document's row."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select, union

from ocr_pipeline.adapters.postgres.rows import event_from_row, event_to_row
from ocr_pipeline.adapters.postgres.statements import insertion
from ocr_pipeline.adapters.postgres.tables import audit_events, documents
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain import audit
from ocr_pipeline.domain.audit import AuditEntry, AuditEvent, ChainHead
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import DocumentId

# One statement, so that the chain and its head cost one round trip; without a new event the head stays where it is.
_APPEND = f"""
    WITH event AS ({insertion(audit_events)} RETURNING document_id, sequence, hash)
    UPDATE documents SET audit_sequence = event.sequence, audit_head = event.hash
    FROM event WHERE documents.id = event.document_id
"""  # noqa: S608 - names of columns alone

_BATCH = 500
"""Rows read at a time, so that a long trail never lies in memory whole."""


class PostgresAuditTrail:
    """The `AuditTrail` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def append(self, entry: AuditEntry) -> AuditEvent:
        """Chain one entry. Raises IntegrityError unless the document is held."""
        event, head = audit.append(self._transaction.held_head(entry.document_id), entry)
        self._transaction.insert_new(_APPEND, event_to_row(event))
        self._transaction.hold(entry.document_id, head)
        return event

    def events(self, document_id: DocumentId) -> Iterator[AuditEvent]:
        """Oldest first."""
        reached = 0
        while True:
            batch = self._transaction.all(
                select(audit_events)
                .where(audit_events.c.document_id == document_id, audit_events.c.sequence > reached)
                .order_by(audit_events.c.sequence)
                .limit(_BATCH)
            )
            yield from map(event_from_row, batch)
            if len(batch) < _BATCH:
                return
            reached = batch[-1]["sequence"]

    def head(self, document_id: DocumentId) -> ChainHead:
        """Raises NotFound."""
        row = self._transaction.first(
            select(documents.c.audit_sequence, documents.c.audit_head).where(documents.c.id == document_id)
        )
        if row is None:
            raise NotFound("no such document")
        return ChainHead(row["audit_sequence"], row["audit_head"])

    def document_ids(self, *, after: DocumentId | None = None) -> Iterator[DocumentId]:
        """In order of id, fetched as they are asked for."""
        reached = after
        while True:
            batch = self._ids_after(reached)
            yield from batch
            if len(batch) < _BATCH:
                return
            reached = batch[-1]

    def _ids_after(self, reached: DocumentId | None) -> list[DocumentId]:
        known = select(documents.c.id)
        chained = select(audit_events.c.document_id.label("id")).distinct()
        if reached is not None:
            known = known.where(documents.c.id > reached)
            chained = chained.where(audit_events.c.document_id > reached)
        # Each side is cut to one batch first, so that neither table is read whole.
        both = union(
            select(known.order_by(documents.c.id).limit(_BATCH).subquery()),
            select(chained.order_by(audit_events.c.document_id).limit(_BATCH).subquery()),
        ).subquery()
        found = self._transaction.all(select(both.c.id).order_by(both.c.id).limit(_BATCH))
        return [DocumentId(row["id"]) for row in found]
