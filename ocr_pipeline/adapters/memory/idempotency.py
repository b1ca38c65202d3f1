"""Idempotency keys in memory."""

from __future__ import annotations

from datetime import datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.errors import Conflict, IntegrityError
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.ports.idempotency import Remembered


class MemoryIdempotency:
    """Idempotency keys, each belonging to one client."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, client_id: ClientId, key: str) -> Remembered | None:
        """What was remembered, also by the holder before; holds the key."""
        self._transaction.lock("idempotency key", client_id, key)
        return self._transaction.idempotency_keys.get((client_id, key))

    def remember(self, request: Remembered) -> None:
        """Insert. Raises Conflict for a key that is taken, IntegrityError for an unknown document."""
        if self.find(request.client_id, request.key) is not None:
            raise Conflict("this key is taken")
        if self._transaction.documents.get(request.document_id) is None:
            raise IntegrityError("what is remembered needs its document")
        self._transaction.idempotency_keys.put((request.client_id, request.key), request)

    def forget(self, before: datetime) -> int:
        """Drop what is older; returns how many there were."""
        return self._transaction.idempotency_keys.drop(lambda row: row.at < before)
