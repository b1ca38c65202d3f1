"""Rows of pages read before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from ocr_pipeline.adapters.postgres.front_door_tables import known_pages
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef
from ocr_pipeline.ports.known_pages import KnownPage


class PostgresKnownPages:
    """The `KnownPages` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, client_id: ClientId, fingerprint: bytes, configuration: str) -> PageRef | None:
        """The page of this client that was read from this image in this way."""
        row = self._transaction.first(
            select(known_pages.c.document_id, known_pages.c.page_number).where(
                known_pages.c.client_id == client_id,
                known_pages.c.fingerprint == fingerprint,
                known_pages.c.configuration == configuration,
            )
        )
        return None if row is None else PageRef(DocumentId(row["document_id"]), row["page_number"])

    def add(self, known: KnownPage) -> None:
        """Insert, or write over the one known before. Raises IntegrityError for a page without a row."""
        row = {
            "client_id": known.client_id,
            "fingerprint": known.fingerprint,
            "configuration": known.configuration,
            "document_id": known.page.document_id,
            "page_number": known.page.number,
            "at": known.at,
        }
        newest = {name: row[name] for name in ("document_id", "page_number", "at")}
        self._transaction.insert(
            insert(known_pages).on_conflict_do_update(constraint=known_pages.primary_key, set_=newest), [row]
        )

    def forget(self, document_id: DocumentId) -> int:
        """Drop every entry of a document; returns how many there were."""
        return self._transaction.run(delete(known_pages).where(known_pages.c.document_id == document_id))

    def forget_before(self, moment: datetime) -> int:
        """Drop every entry older than that; returns how many there were."""
        return self._transaction.run(delete(known_pages).where(known_pages.c.at < moment))
