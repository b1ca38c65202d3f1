"""Rows of documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from ocr_pipeline.adapters.postgres.rows import document_from_row, document_to_row
from ocr_pipeline.adapters.postgres.statements import insertion, listed, replacement, selection
from ocr_pipeline.adapters.postgres.tables import documents, pages
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.records import DocumentFilter

_LIVE = (DocumentState.QUEUED.value, DocumentState.PROCESSING.value)

_ADD = insertion(documents)
_GET = selection(documents)
_LOCK = f"{_GET} FOR UPDATE"
_SAVE = replacement(documents, but=("audit_sequence", "audit_head"))
_FIND_DUPLICATE = f"""
    SELECT {listed(documents)} FROM documents
    WHERE client_id = %(client_id)s AND fingerprint = %(fingerprint)s AND state NOT IN ('erased', 'cancelled')
    ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - names of columns alone


class PostgresDocuments:
    """The `Documents` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, document: Document) -> None:
        """Insert, and hold. Raises Conflict for a known id."""
        head = ChainHead()
        row = {**document_to_row(document), "audit_sequence": head.sequence, "audit_head": head.hash}
        self._transaction.insert_new(_ADD, row)
        self._transaction.hold(document.id, head)

    def get(self, document_id: DocumentId) -> Document:
        """Raises NotFound."""
        row = self._transaction.first_of(_GET, {"id": document_id})
        if row is None:
            raise NotFound("no such document")
        return document_from_row(row)

    def lock(self, document_id: DocumentId) -> Document:
        """Wait for the row, hold it, and read what the holder before left. Raises NotFound."""
        row = self._transaction.first_of(_LOCK, {"id": document_id})
        if row is None:
            raise NotFound("no such document")
        self._transaction.hold(document_id, ChainHead(row["audit_sequence"], row["audit_head"]))
        return document_from_row(row)

    def save(self, document: Document) -> None:
        """Write every field. Raises IntegrityError unless the document is held."""
        self._transaction.require_held(document.id)
        self._transaction.run_plain(_SAVE, document_to_row(document))

    def find_duplicate(self, client_id: ClientId, fingerprint: bytes) -> Document | None:
        """The newest live document with this fingerprint; holds the fingerprint by an advisory lock."""
        self._transaction.take_turns("fingerprint", client_id, fingerprint)
        row = self._transaction.first_of(_FIND_DUPLICATE, {"client_id": client_id, "fingerprint": fingerprint})
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

    def newest(self, wanted: DocumentFilter, *, limit: int, before: DocumentId | None = None) -> list[Document]:
        """In falling order of id."""
        conditions = _passing(wanted)
        if before is not None:
            conditions.append(documents.c.id < before)
        found = self._transaction.all(select(documents).where(*conditions).order_by(documents.c.id.desc()).limit(limit))
        return [document_from_row(row) for row in found]

    def waiting_pages(self, client_id: ClientId) -> int:
        """Documents not opened yet, and queued pages of live ones."""
        of_client = documents.c.client_id == client_id
        unopened = select(func.count()).where(of_client, documents.c.state == DocumentState.RECEIVED.value)
        queued = (
            select(func.count())
            .select_from(documents.join(pages, pages.c.document_id == documents.c.id))
            .where(of_client, documents.c.state.in_(_LIVE), pages.c.state == PageState.QUEUED.value)
        )
        row = self._transaction.first(
            select(unopened.scalar_subquery().label("unopened"), queued.scalar_subquery().label("queued"))
        )
        return 0 if row is None else int(row["unopened"] + row["queued"])

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


def _passing(wanted: DocumentFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.states:
        conditions.append(documents.c.state.in_([state.value for state in wanted.states]))
    if wanted.client_id is not None:
        conditions.append(documents.c.client_id == wanted.client_id)
    if wanted.kinds:
        conditions.append(documents.c.kind.in_([kind.value for kind in wanted.kinds]))
    if wanted.priorities:
        conditions.append(documents.c.priority.in_([int(priority) for priority in wanted.priorities]))
    if wanted.received_from is not None:
        conditions.append(documents.c.received_at >= wanted.received_from)
    if wanted.received_before is not None:
        conditions.append(documents.c.received_at < wanted.received_before)
    return conditions
