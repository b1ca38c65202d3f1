"""The data keys of all tables that hold any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import Table, func, select, update

from ocr_pipeline.adapters.postgres.bulk_tables import bulk_runs
from ocr_pipeline.adapters.postgres.documents import PostgresDocuments
from ocr_pipeline.adapters.postgres.tables import documents
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.adapters.postgres.trigger_tables import held_events, listings
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.sealing import KeyOwner, KeyOwnerKind, WrappedKey
from ocr_pipeline.ports.data_keys import KeyTally

OWNERS: Mapping[KeyOwnerKind, Table] = MappingProxyType(
    {
        KeyOwnerKind.DOCUMENT: documents,
        KeyOwnerKind.BULK_RUN: bulk_runs,
        KeyOwnerKind.HELD_EVENT: held_events,
        KeyOwnerKind.LISTING: listings,
    }
)
"""Where the keys of each kind of owner stand."""


class PostgresDataKeys:
    """The `DataKeys` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def tally(self) -> Sequence[KeyTally]:
        """One pass over each table."""
        return [tally for kind in OWNERS for tally in self._tally(kind)]

    def wrapped_otherwise(
        self, kind: KeyOwnerKind, key_id: str, *, after: UUID | None = None, limit: int = 500
    ) -> list[KeyOwner]:
        """In order of id."""
        table = OWNERS[kind]
        wanted = select(table.c.id).where(table.c.key_id != key_id).order_by(table.c.id).limit(limit)
        if after is not None:
            wanted = wanted.where(table.c.id > after)
        return [KeyOwner(kind, row["id"]) for row in self._transaction.all(wanted)]

    def lock(self, owner: KeyOwner) -> WrappedKey | None:
        """Wait for the row, and hold it; a document is held as whoever changes it does."""
        if owner.kind is KeyOwnerKind.DOCUMENT:
            try:
                return PostgresDocuments(self._transaction).lock(owner.bound_to).key
            except NotFound:
                return None
        table = OWNERS[owner.kind]
        row = self._transaction.first(
            select(table.c.key_id, table.c.key_ciphertext).where(table.c.id == owner.id).with_for_update()
        )
        return None if row is None else WrappedKey(row["key_id"], row["key_ciphertext"])

    def save(self, owner: KeyOwner, key: WrappedKey) -> None:
        """Write the key alone. Raises IntegrityError for a document that is not held."""
        if owner.kind is KeyOwnerKind.DOCUMENT:
            self._transaction.require_held(owner.bound_to)
        table = OWNERS[owner.kind]
        self._transaction.run(
            update(table).where(table.c.id == owner.id).values(key_id=key.key_id, key_ciphertext=key.ciphertext)
        )

    def _tally(self, kind: KeyOwnerKind) -> list[KeyTally]:
        key_id = OWNERS[kind].c.key_id
        found = self._transaction.all(
            select(key_id, func.count().label("count")).where(key_id.is_not(None)).group_by(key_id).order_by(key_id)
        )
        return [KeyTally(kind, row["key_id"], row["count"]) for row in found]
