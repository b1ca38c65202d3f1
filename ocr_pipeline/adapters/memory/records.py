"""The unit of work in memory: read committed, row locks, all or nothing, as the database does it.

Writes stay in the unit of work until `commit` and are then shown to all others at once. Two units of work that lock
the same document take turns; one that waits too long raises DatabaseUnavailable, as a lock timeout of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from ocr_pipeline.adapters.memory import tallies
from ocr_pipeline.adapters.memory.access_log import MemoryAccessLog
from ocr_pipeline.adapters.memory.audit import MemoryAuditTrail
from ocr_pipeline.adapters.memory.bulk import MemoryBulkItems, MemoryBulkRuns
from ocr_pipeline.adapters.memory.bulk_figures import MemoryBulkFigures
from ocr_pipeline.adapters.memory.clients import MemoryClients
from ocr_pipeline.adapters.memory.data_keys import MemoryDataKeys
from ocr_pipeline.adapters.memory.documents import MemoryDocuments
from ocr_pipeline.adapters.memory.idempotency import MemoryIdempotency
from ocr_pipeline.adapters.memory.known_pages import MemoryKnownPages
from ocr_pipeline.adapters.memory.locks import KeyedLocks
from ocr_pipeline.adapters.memory.pages import MemoryPages
from ocr_pipeline.adapters.memory.reviews import MemoryReviews
from ocr_pipeline.adapters.memory.tables import Tables
from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.adapters.memory.triggers import MemoryHeldEvents, MemoryListings, MemorySourceObjects
from ocr_pipeline.adapters.memory.webhooks import MemoryWebhooks
from ocr_pipeline.domain.errors import DatabaseUnavailable
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.ports.records import Counts, Progress


class MemoryRecords:
    """Opens units of work over tables that live as long as this object. Safe between threads.

    `lock_timeout` is in seconds. While `available` is False the records behave as a database that is down.
    """

    def __init__(self, *, lock_timeout: float = 5.0) -> None:
        self.available = True
        self._tables = Tables()
        self._locks = KeyedLocks(timeout=lock_timeout)

    def __call__(self) -> MemoryUnitOfWork:
        """A fresh unit of work."""
        return MemoryUnitOfWork(self, self._tables, self._locks)

    @property
    def tables(self) -> Tables:
        """Everything committed, for what looks at it as a whole."""
        return self._tables

    def check(self) -> None:
        """Raises DatabaseUnavailable while `available` is False."""
        if not self.available:
            raise DatabaseUnavailable("the in-memory records are switched off")


class MemoryUnitOfWork:
    """One transaction over the tables of a MemoryRecords."""

    def __init__(self, records: MemoryRecords, tables: Tables, locks: KeyedLocks) -> None:
        self._records = records
        self._tables = tables
        self._locks = locks
        self._transaction: Transaction | None = None

    def __enter__(self) -> Self:
        self._records.check()
        self._transaction = Transaction(self._tables, self._locks)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transaction is not None:
            self._transaction.rollback()
        self._transaction = None

    def commit(self) -> None:
        """Show every write to the others, and release the locks."""
        self._current.commit()

    @property
    def documents(self) -> MemoryDocuments:
        """The documents."""
        return MemoryDocuments(self._current)

    @property
    def pages(self) -> MemoryPages:
        """The pages."""
        return MemoryPages(self._current)

    @property
    def reviews(self) -> MemoryReviews:
        """The review items."""
        return MemoryReviews(self._current)

    @property
    def audit(self) -> MemoryAuditTrail:
        """The audit events."""
        return MemoryAuditTrail(self._current)

    @property
    def clients(self) -> MemoryClients:
        """The clients and their keys."""
        return MemoryClients(self._current)

    @property
    def access_log(self) -> MemoryAccessLog:
        """The log of access."""
        return MemoryAccessLog(self._current)

    @property
    def idempotency(self) -> MemoryIdempotency:
        """The idempotency keys."""
        return MemoryIdempotency(self._current)

    @property
    def known_pages(self) -> MemoryKnownPages:
        """The pages read before."""
        return MemoryKnownPages(self._current)

    @property
    def webhooks(self) -> MemoryWebhooks:
        """The webhooks."""
        return MemoryWebhooks(self._current)

    @property
    def source_objects(self) -> MemorySourceObjects:
        """The objects that S3 events told of."""
        return MemorySourceObjects(self._current)

    @property
    def held_events(self) -> MemoryHeldEvents:
        """The events that wait or are parked."""
        return MemoryHeldEvents(self._current)

    @property
    def listings(self) -> MemoryListings:
        """How far listings are."""
        return MemoryListings(self._current)

    @property
    def bulk_runs(self) -> MemoryBulkRuns:
        """The bulk runs."""
        return MemoryBulkRuns(self._current)

    @property
    def bulk_items(self) -> MemoryBulkItems:
        """The items of bulk runs."""
        return MemoryBulkItems(self._current)

    @property
    def bulk_figures(self) -> MemoryBulkFigures:
        """Figures of bulk runs."""
        return MemoryBulkFigures(self._current)

    @property
    def data_keys(self) -> MemoryDataKeys:
        """The wrapped keys of all owners."""
        return MemoryDataKeys(self._current)

    def counts(self, *, document_ids: Sequence[DocumentId] | None = None) -> Counts:
        """Counts over all documents, or over the given ones; every state is named, also where there is none."""
        return tallies.counts(self._current, document_ids)

    def progress(self, document_ids: Sequence[DocumentId]) -> dict[DocumentId, Progress]:
        """How far each of the documents is; unknown ones are left out."""
        return tallies.progress(self._current, document_ids)

    @property
    def _current(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("a unit of work is used inside its with block")
        self._records.check()
        return self._transaction
