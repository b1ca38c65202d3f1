"""Source objects, held events and listings in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.errors import IntegrityError, NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.triggers import EventId, HeldEvent, Listing, SourceObject


class MemorySourceObjects:
    """Objects that were taken in or refused."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, client_id: ClientId, address: bytes) -> SourceObject | None:
        """The object as it was last seen."""
        return self._transaction.source_objects.get((client_id, address))

    def lock(self, client_id: ClientId, address: bytes) -> SourceObject | None:
        """Hold, then read what the holder before left."""
        self._transaction.lock("source object", client_id, address)
        return self.find(client_id, address)

    def etags(self, client_id: ClientId, addresses: Sequence[bytes]) -> dict[bytes, bytes]:
        """Of those that are known."""
        found = {address: self.find(client_id, address) for address in addresses}
        return {address: row.etag for address, row in found.items() if row is not None}

    def put(self, row: SourceObject) -> None:
        """Insert or write. Raises IntegrityError for an unknown document."""
        if row.document_id is not None and self._transaction.documents.get(row.document_id) is None:
            raise IntegrityError("a source object needs its document")
        self._transaction.source_objects.put((row.client_id, row.address), row)

    def ended(self, document_id: DocumentId) -> None:
        """As for those that come later: they are put under the document's lock."""
        for row in self._transaction.source_objects.rows():
            if row.document_id == document_id and row.awaits_end:
                self.put(replace(row, awaits_end=False))

    def claim_outputs(self, *, now: datetime, until: datetime, limit: int) -> list[SourceObject]:
        """Those due for longest, passing over what another unit of work has in its hands."""
        due = [row for row in self._transaction.source_objects.rows() if _is_due(row, now)]
        claimed: list[SourceObject] = []
        for row in sorted(due, key=lambda row: row.output_due or now):
            if len(claimed) == limit:
                break
            name = (row.client_id, row.address)
            if not self._transaction.try_lock("output", *name):
                continue
            current = self._transaction.source_objects.get(name)
            if current is not None and _is_due(current, now):
                claimed.append(replace(current, output_due=until))
                self._transaction.source_objects.put(name, claimed[-1])
        return claimed


class MemoryHeldEvents:
    """Events that wait or are parked."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def put(self, event: HeldEvent) -> None:
        """Insert or write."""
        self._transaction.lock("held event", event.id)
        self._transaction.held_events.put(event.id, event)

    def lock(self, event_id: EventId) -> HeldEvent:
        """Raises NotFound."""
        self._transaction.lock("held event", event_id)
        event = self._transaction.held_events.get(event_id)
        if event is None:
            raise NotFound("no such event")
        return event

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[HeldEvent]:
        """Those due for longest, passing over what another unit of work has in its hands."""
        due = [row for row in self._transaction.held_events.rows() if _waits(row, now)]
        claimed: list[HeldEvent] = []
        for row in sorted(due, key=lambda row: (row.not_before, row.id)):
            if len(claimed) == limit:
                break
            if not self._transaction.try_lock("held event", row.id):
                continue
            current = self._transaction.held_events.get(row.id)
            if current is not None and _waits(current, now):
                claimed.append(replace(current, not_before=until, attempts=current.attempts + 1))
                self._transaction.held_events.put(row.id, claimed[-1])
        return claimed

    def put_off(self, event_id: EventId, until: datetime) -> None:
        """A parked or forgotten one is left alone."""
        self._transaction.lock("held event", event_id)
        event = self._transaction.held_events.get(event_id)
        if event is not None and event.reason is None:
            self._transaction.held_events.put(event_id, replace(event, not_before=until))

    def forget(self, event_id: EventId, *, parked: bool) -> bool:
        """False where there is no such event."""
        self._transaction.lock("held event", event_id)
        return bool(
            self._transaction.held_events.drop(lambda row: row.id == event_id and (row.reason is not None) == parked)
        )

    def parked(self, *, limit: int = 1000) -> list[HeldEvent]:
        """Oldest first."""
        found = [row for row in self._transaction.held_events.rows() if row.reason is not None]
        return sorted(found, key=lambda row: (row.received_at, row.id))[:limit]

    def counts(self, *, most: int) -> tuple[int, int]:
        """Counted no further than asked."""
        rows = self._transaction.held_events.rows()
        parked = sum(row.reason is not None for row in rows)
        return min(most, len(rows) - parked), min(most, parked)


class MemoryListings:
    """Listings, one a prefix."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def ensure(self, listing: Listing) -> None:
        """Insert, unless there is one of this bucket and prefix."""
        name = (listing.bucket, listing.prefix)
        self._transaction.lock("listing", *name)
        if self._transaction.listings.get(name) is None:
            self._transaction.listings.put(name, listing)

    def claim(self, bucket: str, prefix: str, *, now: datetime, until: datetime) -> Listing | None:
        """None where it is not due, or in another unit of work's hands."""
        if not self._transaction.try_lock("listing", bucket, prefix):
            return None
        listing = self._transaction.listings.get((bucket, prefix))
        if listing is None or listing.not_before > now:
            return None
        claimed = replace(listing, not_before=until)
        self._transaction.listings.put((bucket, prefix), claimed)
        return claimed

    def save(self, listing: Listing) -> None:
        """The key may have been wrapped anew since the listing was claimed. Raises NotFound."""
        name = (listing.bucket, listing.prefix)
        self._transaction.lock("listing", *name)
        kept = self._transaction.listings.get(name)
        if kept is None:
            raise NotFound("no such listing")
        self._transaction.listings.put(name, replace(listing, key=kept.key))


def _is_due(row: SourceObject, now: datetime) -> bool:
    return row.output_due is not None and row.output_due <= now and not row.awaits_end


def _waits(event: HeldEvent, now: datetime) -> bool:
    return event.reason is None and event.not_before <= now
