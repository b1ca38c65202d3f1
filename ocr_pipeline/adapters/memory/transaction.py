"""One transaction in memory: its view of every table, and the locks it holds."""

from __future__ import annotations

from typing import Any

from ocr_pipeline.adapters.memory.locks import KeyedLocks
from ocr_pipeline.adapters.memory.tables import Tables, View
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import DocumentId


class Transaction:
    """A view of every table, and the locks taken, until the end."""

    def __init__(self, tables: Tables, locks: KeyedLocks) -> None:
        self._mutex = tables.mutex
        self._locks = locks
        self._held: set[DocumentId] = set()
        self.documents = View(tables.documents, tables.mutex)
        self.heads = View(tables.heads, tables.mutex)
        self.pages = View(tables.pages, tables.mutex)
        self.reviews = View(tables.reviews, tables.mutex)
        self.events = View(tables.events, tables.mutex)
        self.clients = View(tables.clients, tables.mutex)
        self.access_events = View(tables.access_events, tables.mutex)
        self.access_heads = View(tables.access_heads, tables.mutex)
        self.api_keys = View(tables.api_keys, tables.mutex)
        self.webhook_secrets = View(tables.webhook_secrets, tables.mutex)
        self.idempotency_keys = View(tables.idempotency_keys, tables.mutex)
        self.known_pages = View(tables.known_pages, tables.mutex)
        self.webhooks = View(tables.webhooks, tables.mutex)
        self.deliveries = View(tables.deliveries, tables.mutex)
        self.source_objects = View(tables.source_objects, tables.mutex)
        self.held_events = View(tables.held_events, tables.mutex)
        self.listings = View(tables.listings, tables.mutex)
        self.bulk_runs = View(tables.bulk_runs, tables.mutex)
        self.bulk_run_events = View(tables.bulk_run_events, tables.mutex)
        self.bulk_items = View(tables.bulk_items, tables.mutex)
        self.bulk_segments = View(tables.bulk_segments, tables.mutex)

    def hold(self, document_id: DocumentId) -> None:
        """Lock a document's row."""
        self.lock("document", document_id)
        self._held.add(document_id)

    def lock(self, *name: object) -> None:
        """Lock anything by name."""
        self._locks.acquire(name, self)

    def try_lock(self, *name: object) -> bool:
        """Lock anything by name, unless another transaction holds it."""
        return self._locks.try_acquire(name, self)

    def require_held(self, document_id: DocumentId) -> None:
        """Raises IntegrityError when a document is about to be changed without its lock."""
        if document_id not in self._held:
            raise IntegrityError("a document changes only in a unit of work that locked or added it")

    def commit(self) -> None:
        """Show every write at once and let go of the locks."""
        with self._mutex:
            for view in self._views():
                view.flush()
        self._release()

    def rollback(self) -> None:
        """Forget every write and let go of the locks."""
        for view in self._views():
            view.discard()
        self._release()

    def _views(self) -> tuple[View[Any, Any], ...]:
        return (
            self.documents,
            self.heads,
            self.pages,
            self.reviews,
            self.events,
            self.clients,
            self.access_events,
            self.access_heads,
            self.api_keys,
            self.webhook_secrets,
            self.idempotency_keys,
            self.known_pages,
            self.webhooks,
            self.deliveries,
            self.source_objects,
            self.held_events,
            self.listings,
            self.bulk_runs,
            self.bulk_run_events,
            self.bulk_items,
            self.bulk_segments,
        )

    def _release(self) -> None:
        self._held.clear()
        self._locks.release(self)
