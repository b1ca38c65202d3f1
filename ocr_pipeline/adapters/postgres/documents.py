"""Rows of documents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, insert, or_, select, update

from ocr_pipeline.adapters.postgres.rows import document_from_row, document_to_row
from ocr_pipeline.adapters.postgres.tables import documents
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId

_NO_DUPLICATE = (DocumentState.ERASED.value, DocumentState.CANCELLED.value)


class PostgresDocuments:
    """The `Documents` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, document: Document) -> None:
        """Insert, and hold. Raises Conflict for a known id."""
        head = ChainHead()
        row = {**document_to_row(document), "audit_sequence": head.sequence, "audit_head": head.hash}
        self._transaction.insert(insert(documents), [row])
        self._transaction.hold(document.id)

    def get(self, document_id: DocumentId) -> Document:
        """Raises NotFound."""
        row = self._transaction.first(select(documents).where(documents.c.id == document_id))
        if row is None:
            raise NotFound("no such document")
        return document_from_row(row)

    def lock(self, document_id: DocumentId) -> Document:
        """Wait for the row, hold it, and read what the holder before left. Raises NotFound."""
        row = self._transaction.first(select(documents).where(documents.c.id == document_id).with_for_update())
        if row is None:
            raise NotFound("no such document")
        self._transaction.hold(document_id)
        return document_from_row(row)

    def save(self, document: Document) -> None:
        """Write every field. Raises IntegrityError unless the document is held."""
        self._transaction.require_held(document.id)
        self._transaction.run(update(documents).where(documents.c.id == document.id).values(document_to_row(document)))

    def find_duplicate(self, client_id: ClientId, fingerprint: bytes) -> Document | None:
        """The newest live document with this fingerprint; holds the fingerprint by an advisory lock."""
        self._transaction.run(select(func.pg_advisory_xact_lock(_lock_number(client_id, fingerprint))))
        row = self._transaction.first(
            select(documents)
            .where(
                documents.c.client_id == client_id,
                documents.c.fingerprint == fingerprint,
                documents.c.state.not_in(_NO_DUPLICATE),
            )
            .order_by(documents.c.id.desc())
            .limit(1)
        )
        return None if row is None else document_from_row(row)

    def find(
        self,
        *,
        states: Sequence[DocumentState] = (),
        client_id: ClientId | None = None,
        limit: int = 100,
        after: DocumentId | None = None,
    ) -> list[Document]:
        """In order of id."""
        conditions: list[ColumnElement[bool]] = []
        if states:
            conditions.append(documents.c.state.in_([state.value for state in states]))
        if client_id is not None:
            conditions.append(documents.c.client_id == client_id)
        if after is not None:
            conditions.append(documents.c.id > after)
        found = self._transaction.all(select(documents).where(*conditions).order_by(documents.c.id).limit(limit))
        return [document_from_row(row) for row in found]

    def stalled(self, *, dispatched_before: datetime, limit: int) -> list[DocumentId]:
        """Most urgent and oldest first."""
        found = self._transaction.all(
            select(documents.c.id)
            .where(
                documents.c.state == DocumentState.RECEIVED.value,
                or_(documents.c.dispatched_at.is_(None), documents.c.dispatched_at < dispatched_before),
            )
            .order_by(documents.c.priority, documents.c.id)
            .limit(limit)
        )
        return [DocumentId(row["id"]) for row in found]


def _lock_number(client_id: ClientId, fingerprint: bytes) -> int:
    """A signed 64-bit number of the pair. Two pairs that share one wait for each other, which harms nothing."""
    digest = hashlib.sha256(client_id.encode() + b"\0" + fingerprint).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
