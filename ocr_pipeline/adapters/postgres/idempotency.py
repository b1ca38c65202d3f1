"""Rows of idempotency keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete

from ocr_pipeline.adapters.postgres.front_door_tables import idempotency_keys
from ocr_pipeline.adapters.postgres.rows import utc
from ocr_pipeline.adapters.postgres.statements import insertion, selection
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.ports.idempotency import Remembered

_FIND = selection(idempotency_keys)
_REMEMBER = insertion(idempotency_keys)


class PostgresIdempotency:
    """The `Idempotency` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, client_id: ClientId, key: str) -> Remembered | None:
        """What was remembered, also by the holder before; holds the key by an advisory lock."""
        self._transaction.take_turns("idempotency key", client_id, key)
        row = self._transaction.first_of(_FIND, {"client_id": client_id, "key": key})
        if row is None:
            return None
        return Remembered(
            client_id=ClientId(row["client_id"]),
            key=row["key"],
            digest=row["digest"],
            document_id=DocumentId(row["document_id"]),
            at=utc(row["at"]),
        )

    def remember(self, request: Remembered) -> None:
        """Insert. Raises Conflict for a key that is taken, IntegrityError for an unknown document."""
        self._transaction.insert_new(
            _REMEMBER,
            {
                "client_id": request.client_id,
                "key": request.key,
                "digest": request.digest,
                "document_id": request.document_id,
                "at": request.at,
            },
        )

    def forget(self, before: datetime) -> int:
        """Drop what is older; returns how many there were."""
        return self._transaction.run(delete(idempotency_keys).where(idempotency_keys.c.at < before))
