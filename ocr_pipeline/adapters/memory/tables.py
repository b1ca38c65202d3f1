"""Tables in memory, and a transaction's view of them: its own writes laid over what others committed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar
from uuid import UUID

from ocr_pipeline.domain.access import AccessEvent
from ocr_pipeline.domain.audit import AuditEvent, ChainHead
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, RunEvent, RunId, Segment
from ocr_pipeline.domain.clients import ApiKey, Client, WebhookSecret
from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.ids import ClientId, DocumentId, KeyId, PageRef, ReviewId, SecretId, WebhookId
from ocr_pipeline.domain.pages import Page
from ocr_pipeline.domain.review import ReviewItem
from ocr_pipeline.domain.triggers import EventId, HeldEvent, Listing, SourceObject
from ocr_pipeline.domain.webhooks import Delivery, Webhook
from ocr_pipeline.ports.idempotency import Remembered
from ocr_pipeline.ports.known_pages import KnownPage

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything committed, keyed as the database keys it. Read and written only under `mutex`."""

    documents: dict[DocumentId, Document] = field(default_factory=dict)
    heads: dict[DocumentId, ChainHead] = field(default_factory=dict)
    pages: dict[PageRef, Page] = field(default_factory=dict)
    reviews: dict[ReviewId, ReviewItem] = field(default_factory=dict)
    events: dict[tuple[DocumentId, int], AuditEvent] = field(default_factory=dict)
    clients: dict[ClientId, Client] = field(default_factory=dict)
    access_events: dict[tuple[ClientId, int], AccessEvent] = field(default_factory=dict)
    access_heads: dict[ClientId, ChainHead] = field(default_factory=dict)
    api_keys: dict[KeyId, ApiKey] = field(default_factory=dict)
    webhook_secrets: dict[tuple[ClientId, SecretId], WebhookSecret] = field(default_factory=dict)
    idempotency_keys: dict[tuple[ClientId, str], Remembered] = field(default_factory=dict)
    known_pages: dict[tuple[ClientId, bytes, str], KnownPage] = field(default_factory=dict)
    webhooks: dict[WebhookId, Webhook] = field(default_factory=dict)
    deliveries: dict[UUID, Delivery] = field(default_factory=dict)
    bulk_runs: dict[RunId, BulkRun] = field(default_factory=dict)
    bulk_run_events: dict[int, RunEvent] = field(default_factory=dict)
    bulk_items: dict[tuple[RunId, int], BulkItem] = field(default_factory=dict)
    bulk_segments: dict[tuple[RunId, int, int], Segment] = field(default_factory=dict)
    source_objects: dict[tuple[ClientId, bytes], SourceObject] = field(default_factory=dict)
    held_events: dict[EventId, HeldEvent] = field(default_factory=dict)
    listings: dict[tuple[str, str], Listing] = field(default_factory=dict)
    mutex: Lock = field(default_factory=Lock)


class View(Generic[Key, Row]):
    """One table as one transaction sees it: committed rows (those of others as they appear) under its own writes."""

    def __init__(self, committed: dict[Key, Row], mutex: Lock) -> None:
        self._committed = committed
        self._mutex = mutex
        self._written: dict[Key, Row | None] = {}

    def get(self, key: Key) -> Row | None:
        """The row, or None."""
        if key in self._written:
            return self._written[key]
        with self._mutex:
            return self._committed.get(key)

    def rows(self) -> list[Row]:
        """Every row, in order of writing."""
        return list(self._merged().values())

    def names(self) -> list[Key]:
        """Every key, in order of writing."""
        return list(self._merged())

    def put(self, key: Key, row: Row) -> None:
        """Write a row that others see after `flush`."""
        self._written[key] = row

    def drop(self, unwanted: Callable[[Row], bool]) -> int:
        """Remove rows, for others after `flush`; returns how many there were."""
        dropped = [key for key, row in self._merged().items() if unwanted(row)]
        self._written.update(dict.fromkeys(dropped))
        return len(dropped)

    def flush(self) -> None:
        """Hand the writes to the committed table; the caller holds the mutex."""
        for key, row in self._written.items():
            if row is None:
                self._committed.pop(key, None)
            else:
                self._committed[key] = row
        self._written.clear()

    def discard(self) -> None:
        """Forget the writes."""
        self._written.clear()

    def _merged(self) -> dict[Key, Row]:
        with self._mutex:
            merged = {**self._committed, **self._written}
        return {key: row for key, row in merged.items() if row is not None}
