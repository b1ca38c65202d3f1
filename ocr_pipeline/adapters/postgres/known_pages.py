"""Rows of pages read before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete

from ocr_pipeline.adapters.postgres.front_door_tables import known_pages
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef
from ocr_pipeline.ports.known_pages import KnownPage

_FIND = """
    SELECT document_id, page_number FROM known_pages
    WHERE client_id = %(client_id)s AND fingerprint = %(fingerprint)s AND configuration = %(configuration)s
"""
_ADD = """
    INSERT INTO known_pages (client_id, fingerprint, configuration, document_id, page_number, at)
    SELECT %(client_id)s, %(fingerprint)s, %(configuration)s, document_id, number, %(at)s
    FROM pages WHERE document_id = %(document_id)s AND number = %(page_number)s
    ON CONFLICT (client_id, fingerprint, configuration) DO UPDATE
    SET document_id = excluded.document_id, page_number = excluded.page_number, at = excluded.at
"""


class PostgresKnownPages:
    """The `KnownPages` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, client_id: ClientId, fingerprint: bytes, configuration: str) -> PageRef | None:
        """The page of this client that was read from this image in this way."""
        row = self._transaction.first_of(
            _FIND, {"client_id": client_id, "fingerprint": fingerprint, "configuration": configuration}
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
        if not self._transaction.run_plain(_ADD, row):
            raise IntegrityError("a page without a row cannot be known")

    def forget(self, document_id: DocumentId) -> int:
        """Drop every entry of a document; returns how many there were."""
        return self._transaction.run(delete(known_pages).where(known_pages.c.document_id == document_id))

    def forget_before(self, moment: datetime) -> int:
        """Drop every entry older than that; returns how many there were."""
        return self._transaction.run(delete(known_pages).where(known_pages.c.at < moment))
