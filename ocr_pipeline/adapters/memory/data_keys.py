"""The data keys of all owners in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never
from uuid import UUID

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.bulk import RunId
from ocr_pipeline.domain.sealing import KeyOwner, KeyOwnerKind, WrappedKey
from ocr_pipeline.domain.triggers import EventId, Listing
from ocr_pipeline.ports.data_keys import KeyTally


class MemoryDataKeys:
    """The `DataKeys` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def tally(self) -> Sequence[KeyTally]:
        """By kind and key id."""
        found: list[KeyTally] = []
        for kind in KeyOwnerKind:
            counts = Counter(key.key_id for _, key in self._keys(kind))
            found += [KeyTally(kind, key_id, counts[key_id]) for key_id in sorted(counts)]
        return found

    def wrapped_otherwise(
        self, kind: KeyOwnerKind, key_id: str, *, after: UUID | None = None, limit: int = 500
    ) -> list[KeyOwner]:
        """In order of id."""
        found = sorted(owner_id for owner_id, key in self._keys(kind) if key.key_id != key_id)
        return [KeyOwner(kind, owner_id) for owner_id in found if after is None or owner_id > after][:limit]

    def lock(self, owner: KeyOwner) -> WrappedKey | None:
        """Hold, then read what the holder before left."""
        match owner.kind:
            case KeyOwnerKind.DOCUMENT:
                self._transaction.hold(owner.bound_to)
            case KeyOwnerKind.BULK_RUN:
                self._transaction.lock("bulk run", owner.id)
            case KeyOwnerKind.HELD_EVENT:
                self._transaction.lock("held event", owner.id)
            case KeyOwnerKind.LISTING:
                listing = self._listing(owner)
                if listing is not None:
                    self._transaction.lock("listing", listing.bucket, listing.prefix)
            case _:
                assert_never(owner.kind)
        return next((key for owner_id, key in self._keys(owner.kind) if owner_id == owner.id), None)

    def save(self, owner: KeyOwner, key: WrappedKey) -> None:
        """Write the key alone. Raises IntegrityError for a document that is not held."""
        here = self._transaction
        match owner.kind:
            case KeyOwnerKind.DOCUMENT:
                here.require_held(owner.bound_to)
                if (document := here.documents.get(owner.bound_to)) is not None:
                    here.documents.put(document.id, replace(document, key=key))
            case KeyOwnerKind.BULK_RUN:
                if (run := here.bulk_runs.get(RunId(owner.id))) is not None:
                    here.bulk_runs.put(run.id, replace(run, key=key))
            case KeyOwnerKind.HELD_EVENT:
                if (event := here.held_events.get(EventId(owner.id))) is not None:
                    here.held_events.put(event.id, replace(event, key=key))
            case KeyOwnerKind.LISTING:
                if (listing := self._listing(owner)) is not None:
                    here.listings.put((listing.bucket, listing.prefix), replace(listing, key=key))
            case _:
                assert_never(owner.kind)

    def _keys(self, kind: KeyOwnerKind) -> Iterator[tuple[UUID, WrappedKey]]:
        match kind:
            case KeyOwnerKind.DOCUMENT:
                yield from ((row.id, row.key) for row in self._transaction.documents.rows() if row.key is not None)
            case KeyOwnerKind.BULK_RUN:
                yield from ((row.id, row.key) for row in self._transaction.bulk_runs.rows())
            case KeyOwnerKind.HELD_EVENT:
                yield from ((row.id, row.key) for row in self._transaction.held_events.rows())
            case KeyOwnerKind.LISTING:
                yield from ((row.id, row.key) for row in self._transaction.listings.rows())
            case _:
                assert_never(kind)

    def _listing(self, owner: KeyOwner) -> Listing | None:
        return next((row for row in self._transaction.listings.rows() if row.id == owner.id), None)
