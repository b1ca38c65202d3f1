"""Rows of source objects, held events and listings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ocr_pipeline.adapters.postgres.rows import Row, utc, utc_or_none
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.adapters.postgres.trigger_tables import held_events, listings, source_objects
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.domain.triggers import EventId, HeldEvent, Listing, OutputProblem, ParkReason, SourceObject

_ENDED = "UPDATE source_objects SET awaits_end = false WHERE document_id = %(document_id)s AND awaits_end"

_REACHED = frozenset({"not_before", "cursor", "finished_at"})
"""What changes about a listing as it goes on."""


class PostgresSourceObjects:
    """The `SourceObjects` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, client_id: ClientId, address: bytes) -> SourceObject | None:
        """The object as it was last seen."""
        row = self._transaction.first(
            select(source_objects).where(source_objects.c.client_id == client_id, source_objects.c.address == address)
        )
        return None if row is None else _object_from_row(row)

    def lock(self, client_id: ClientId, address: bytes) -> SourceObject | None:
        """As `find`; holds the address by an advisory lock, which needs no row."""
        self._transaction.take_turns("source object", client_id, address)
        return self.find(client_id, address)

    def etags(self, client_id: ClientId, addresses: Sequence[bytes]) -> dict[bytes, bytes]:
        """Of those that are known."""
        found = self._transaction.all(
            select(source_objects.c.address, source_objects.c.etag).where(
                source_objects.c.client_id == client_id, source_objects.c.address.in_(addresses)
            )
        )
        return {row["address"]: row["etag"] for row in found}

    def put(self, row: SourceObject) -> None:
        """Insert or write. Raises IntegrityError for an unknown document."""
        _upsert(self._transaction, _object_to_row(row))

    def ended(self, document_id: DocumentId) -> None:
        """As for those that come later: they are put under the document's lock."""
        self._transaction.run_plain(_ENDED, {"document_id": document_id})

    def claim_outputs(self, *, now: datetime, until: datetime, limit: int) -> list[SourceObject]:
        """Those due for longest, passing over what another unit of work has in its hands."""
        due = (
            select(source_objects.c.client_id, source_objects.c.address, source_objects.c.output_due)
            .where(source_objects.c.output_due <= now, ~source_objects.c.awaits_end)
            .order_by(source_objects.c.output_due)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claimed = self._transaction.all(
            update(source_objects)
            .where(source_objects.c.client_id == due.c.client_id, source_objects.c.address == due.c.address)
            .values(output_due=until)
            .returning(*source_objects.c, due.c.output_due.label("due_since"))
        )
        return [_object_from_row(row) for row in sorted(claimed, key=lambda row: row["due_since"])]


class PostgresHeldEvents:
    """The `HeldEvents` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def put(self, event: HeldEvent) -> None:
        """Insert or write."""
        row = _event_to_row(event)
        changed = {name: value for name, value in row.items() if name != "id"}
        self._transaction.run(
            insert(held_events).values(row).on_conflict_do_update(index_elements=[held_events.c.id], set_=changed)
        )

    def lock(self, event_id: EventId) -> HeldEvent:
        """Raises NotFound."""
        row = self._transaction.first(select(held_events).where(held_events.c.id == event_id).with_for_update())
        if row is None:
            raise NotFound("no such event")
        return _event_from_row(row)

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[HeldEvent]:
        """Those due for longest, passing over what another unit of work has in its hands."""
        due = (
            select(held_events.c.id, held_events.c.not_before.label("due_since"))
            .where(held_events.c.reason.is_(None), held_events.c.not_before <= now)
            .order_by(held_events.c.not_before, held_events.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claimed = self._transaction.all(
            update(held_events)
            .where(held_events.c.id == due.c.id)
            .values(not_before=until, attempts=held_events.c.attempts + 1)
            .returning(*held_events.c, due.c.due_since)
        )
        return [_event_from_row(row) for row in sorted(claimed, key=lambda row: (row["due_since"], row["id"]))]

    def put_off(self, event_id: EventId, until: datetime) -> None:
        """A parked or forgotten one is left alone."""
        self._transaction.run(
            update(held_events)
            .where(held_events.c.id == event_id, held_events.c.reason.is_(None))
            .values(not_before=until)
        )

    def forget(self, event_id: EventId, *, parked: bool) -> bool:
        """False where there is no such event."""
        state = held_events.c.reason.is_not(None) if parked else held_events.c.reason.is_(None)
        return bool(self._transaction.run(delete(held_events).where(held_events.c.id == event_id, state)))

    def parked(self, *, limit: int = 1000) -> list[HeldEvent]:
        """Oldest first."""
        found = self._transaction.all(
            select(held_events)
            .where(held_events.c.reason.is_not(None))
            .order_by(held_events.c.received_at, held_events.c.id)
            .limit(limit)
        )
        return [_event_from_row(row) for row in found]

    def counts(self, *, most: int) -> tuple[int, int]:
        """Counted no further than asked, by the two partial indexes."""
        waiting, parked = (
            select(func.count()).select_from(select(held_events.c.id).where(state).limit(most).subquery())
            for state in (held_events.c.reason.is_(None), held_events.c.reason.is_not(None))
        )
        row = self._transaction.first(
            select(waiting.scalar_subquery().label("waiting"), parked.scalar_subquery().label("parked"))
        )
        return (0, 0) if row is None else (row["waiting"], row["parked"])


class PostgresListings:
    """The `Listings` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def ensure(self, listing: Listing) -> None:
        """Insert, unless there is one of this bucket and prefix."""
        self._transaction.run(
            insert(listings)
            .values(_listing_to_row(listing))
            .on_conflict_do_nothing(index_elements=[listings.c.bucket, listings.c.prefix])
        )

    def claim(self, bucket: str, prefix: str, *, now: datetime, until: datetime) -> Listing | None:
        """None where it is not due, or in another unit of work's hands."""
        due = (
            select(listings.c.id)
            .where(listings.c.bucket == bucket, listings.c.prefix == prefix, listings.c.not_before <= now)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        row = self._transaction.first(
            update(listings).where(listings.c.id == due.c.id).values(not_before=until).returning(*listings.c)
        )
        return None if row is None else _listing_from_row(row)

    def save(self, listing: Listing) -> None:
        """The key may have been wrapped anew since the listing was claimed. Raises NotFound."""
        reached = {name: value for name, value in _listing_to_row(listing).items() if name in _REACHED}
        written = self._transaction.run(update(listings).where(listings.c.id == listing.id).values(reached))
        if not written:
            raise NotFound("no such listing")


def _upsert(transaction: Transaction, row: Row) -> None:
    key = ("client_id", "address")
    changed = {name: value for name, value in row.items() if name not in key}
    transaction.run(
        insert(source_objects)
        .values(row)
        .on_conflict_do_update(index_elements=[source_objects.c[name] for name in key], set_=changed)
    )


def _object_to_row(item: SourceObject) -> Row:
    return {
        "client_id": item.client_id,
        "address": item.address,
        "etag": item.etag,
        "modified_at": item.modified_at,
        "taken_at": item.taken_at,
        "version": item.version,
        "sequencer": item.sequencer,
        "document_id": item.document_id,
        "sealed": item.sealed,
        "reason": item.reason,
        "output_due": item.output_due,
        "awaits_end": item.awaits_end,
        "output_attempts": item.output_attempts,
        "output_at": item.output_at,
        "output_problem": None if item.output_problem is None else item.output_problem.value,
    }


def _object_from_row(row: RowMapping) -> SourceObject:
    return SourceObject(
        client_id=ClientId(row["client_id"]),
        address=row["address"],
        etag=row["etag"],
        modified_at=utc(row["modified_at"]),
        taken_at=utc(row["taken_at"]),
        version=row["version"],
        sequencer=row["sequencer"],
        document_id=None if row["document_id"] is None else DocumentId(row["document_id"]),
        sealed=row["sealed"],
        reason=row["reason"],
        output_due=utc_or_none(row["output_due"]),
        awaits_end=row["awaits_end"],
        output_attempts=row["output_attempts"],
        output_at=utc_or_none(row["output_at"]),
        output_problem=None if row["output_problem"] is None else OutputProblem(row["output_problem"]),
    )


def _event_to_row(event: HeldEvent) -> Row:
    return {
        "id": event.id,
        "source": event.source,
        "received_at": event.received_at,
        "not_before": event.not_before,
        "size": event.size,
        "key_id": event.key.key_id,
        "key_ciphertext": event.key.ciphertext,
        "body": event.body,
        "attempts": event.attempts,
        "reason": None if event.reason is None else event.reason.value,
    }


def _event_from_row(row: RowMapping) -> HeldEvent:
    return HeldEvent(
        id=EventId(row["id"]),
        source=row["source"],
        received_at=utc(row["received_at"]),
        not_before=utc(row["not_before"]),
        size=row["size"],
        key=WrappedKey(row["key_id"], row["key_ciphertext"]),
        body=row["body"],
        attempts=row["attempts"],
        reason=None if row["reason"] is None else ParkReason(row["reason"]),
    )


def _listing_to_row(listing: Listing) -> Row:
    return {
        "id": listing.id,
        "bucket": listing.bucket,
        "prefix": listing.prefix,
        "key_id": listing.key.key_id,
        "key_ciphertext": listing.key.ciphertext,
        "not_before": listing.not_before,
        "cursor": listing.cursor,
        "finished_at": listing.finished_at,
    }


def _listing_from_row(row: RowMapping) -> Listing:
    return Listing(
        id=row["id"],
        bucket=row["bucket"],
        prefix=row["prefix"],
        key=WrappedKey(row["key_id"], row["key_ciphertext"]),
        not_before=utc(row["not_before"]),
        cursor=row["cursor"],
        finished_at=utc_or_none(row["finished_at"]),
    )
