"""Pages read before, in memory."""

from __future__ import annotations

from datetime import datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef
from ocr_pipeline.ports.known_pages import KnownPage


class MemoryKnownPages:
    """The response cache's index."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, client_id: ClientId, fingerprint: bytes, configuration: str) -> PageRef | None:
        """The page of this client that was read from this image in this way."""
        known = self._transaction.known_pages.get((client_id, fingerprint, configuration))
        return None if known is None else known.page

    def add(self, known: KnownPage) -> None:
        """Insert, or write over the one known before. Raises IntegrityError for a page without a row."""
        name = (known.client_id, known.fingerprint, known.configuration)
        self._transaction.lock("known page", *name)
        if self._transaction.pages.get(known.page) is None:
            raise IntegrityError("a known page needs its row")
        self._transaction.known_pages.put(name, known)

    def forget(self, document_id: DocumentId) -> int:
        """Drop every entry of a document; returns how many there were."""
        return self._transaction.known_pages.drop(lambda row: row.page.document_id == document_id)

    def forget_before(self, moment: datetime) -> int:
        """Drop every entry older than that; returns how many there were."""
        return self._transaction.known_pages.drop(lambda row: row.at < moment)
