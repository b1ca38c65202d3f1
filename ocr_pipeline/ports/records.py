"""The records of the pipeline and the unit of work that keeps them consistent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from ocr_pipeline.domain.audit import AuditEntry, AuditEvent, ChainHead
from ocr_pipeline.domain.documents import Document, DocumentKind, DocumentState
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef, ReviewId
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import ReviewItem
from ocr_pipeline.ports.access_log import AccessLog
from ocr_pipeline.ports.bulk import BulkFigures, BulkItems, BulkRuns
from ocr_pipeline.ports.clients import Clients
from ocr_pipeline.ports.data_keys import DataKeys
from ocr_pipeline.ports.idempotency import Idempotency
from ocr_pipeline.ports.known_pages import KnownPages
from ocr_pipeline.ports.triggers import HeldEvents, Listings, SourceObjects
from ocr_pipeline.ports.webhooks import Webhooks

COUNTED = 10_000
"""How far rows of one state are counted where all documents are asked about."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many documents and pages stand in each state, and how many review items are open.

    Over all documents a number above COUNTED is an estimate, so that the answer costs the same however many there are.
    """

    documents: dict[DocumentState, int]
    pages: dict[PageState, int]
    open_reviews: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a document is: its state, when it last changed, and how many of its pages stand in each state."""

    state: DocumentState
    updated_at: datetime
    pages: dict[PageState, int]


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents are wanted; an empty field wants all."""

    states: Sequence[DocumentState] = ()
    client_id: ClientId | None = None
    kinds: Sequence[DocumentKind] = ()
    priorities: Sequence[Priority] = ()
    received_from: datetime | None = None
    received_before: datetime | None = None


class Documents(Protocol):
    """Rows of documents.

    `lock` holds a row until the unit of work ends; every change to a document, its pages, its reviews or its audit
    chain happens under that lock, so that two stages never interleave on one document.
    """

    def add(self, document: Document) -> None:
        """Insert a new document."""
        ...

    def get(self, document_id: DocumentId) -> Document:
        """Raises NotFound."""
        ...

    def lock(self, document_id: DocumentId) -> Document:
        """As `get`, and hold the row against others until the unit of work ends."""
        ...

    def save(self, document: Document) -> None:
        """Write every field of a known document."""
        ...

    def find_duplicate(self, client_id: ClientId, fingerprint: bytes) -> Document | None:
        """The newest document of this client with this fingerprint that is neither erased nor cancelled.

        Holds the fingerprint until the unit of work ends, so that two equal uploads at once become one document.
        """
        ...

    def find(
        self,
        *,
        states: Sequence[DocumentState] = (),
        client_id: ClientId | None = None,
        limit: int = 100,
        after: DocumentId | None = None,
    ) -> list[Document]:
        """Documents in order of id (that is, of arrival), in any of the states (all when none is given)."""
        ...

    def newest(self, wanted: DocumentFilter, *, limit: int, before: DocumentId | None = None) -> list[Document]:
        """Documents that pass the filter, newest first, from the one before `before` on."""
        ...

    def waiting_pages(self, client_id: ClientId) -> int:
        """Pages of this client that wait for recognition; a document not opened yet counts as one."""
        ...

    def stalled(self, *, dispatched_before: datetime, limit: int) -> list[DocumentId]:
        """Documents still `received` whose intake message was never sent, or was sent before the given time."""
        ...


class Pages(Protocol):
    """Rows of pages."""

    def add(self, pages: Sequence[Page]) -> None:
        """Insert the pages of a document."""
        ...

    def get(self, page: PageRef) -> Page:
        """Raises NotFound."""
        ...

    def save(self, page: Page) -> None:
        """Write every field of a known page."""
        ...

    def of_document(self, document_id: DocumentId) -> list[Page]:
        """All pages, in order of their numbers."""
        ...

    def states(self, document_id: DocumentId) -> list[PageState]:
        """The states of all pages, in order of their numbers, without their text."""
        ...

    def due(self, *, now: datetime, dispatched_before: datetime, limit: int) -> list[PageRef]:
        """Queued pages of live documents that should be in the broker but may not be.

        That is: `not_before` has passed (or is None) and the page was never dispatched, or its `dispatched_at` lies
        before `dispatched_before`, or before its own `not_before`. Most urgent and oldest first.
        """
        ...


class Reviews(Protocol):
    """Rows of review items."""

    def add(self, item: ReviewItem) -> None:
        """Insert a new item."""
        ...

    def get(self, review_id: ReviewId) -> ReviewItem:
        """Raises NotFound."""
        ...

    def save(self, item: ReviewItem) -> None:
        """Write every field of a known item."""
        ...

    def open_items(self, *, limit: int = 100, claimable_at: datetime | None = None) -> list[ReviewItem]:
        """Open items, most urgent first, then oldest; with `claimable_at` only those no lease holds at that time."""
        ...

    def of_document(self, document_id: DocumentId) -> list[ReviewItem]:
        """All items of a document, in order of page."""
        ...


class AuditTrail(Protocol):
    """The append-only audit events."""

    def append(self, entry: AuditEntry) -> AuditEvent:
        """Chain one entry to its document's events. The document's row must be locked or new in this unit of work."""
        ...

    def events(self, document_id: DocumentId) -> Iterator[AuditEvent]:
        """The chain of a document, oldest first."""
        ...

    def head(self, document_id: DocumentId) -> ChainHead:
        """Where the chain of a document ends. Raises NotFound."""
        ...

    def document_ids(self, *, after: DocumentId | None = None) -> Iterator[DocumentId]:
        """Every document that has a row or an event, in order of id, from the one after `after` on."""
        ...


class UnitOfWork(Protocol):
    """One transaction. Leaving the block without `commit`, or by an exception, undoes everything.

    Entering or using it raises DatabaseUnavailable when the database does not answer.
    """

    @property
    def documents(self) -> Documents: ...
    @property
    def pages(self) -> Pages: ...
    @property
    def reviews(self) -> Reviews: ...
    @property
    def audit(self) -> AuditTrail: ...
    @property
    def clients(self) -> Clients: ...
    @property
    def access_log(self) -> AccessLog:
        """The log of access."""
        ...

    @property
    def idempotency(self) -> Idempotency: ...
    @property
    def known_pages(self) -> KnownPages: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def source_objects(self) -> SourceObjects: ...
    @property
    def held_events(self) -> HeldEvents: ...
    @property
    def listings(self) -> Listings: ...
    @property
    def bulk_runs(self) -> BulkRuns: ...
    @property
    def bulk_items(self) -> BulkItems: ...
    @property
    def bulk_figures(self) -> BulkFigures: ...
    @property
    def data_keys(self) -> DataKeys: ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def commit(self) -> None:
        """Make everything since entering durable, at once."""
        ...

    def counts(self, *, document_ids: Sequence[DocumentId] | None = None) -> Counts:
        """Over all documents, estimated above COUNTED; over the given ones each is counted."""
        ...

    def progress(self, document_ids: Sequence[DocumentId]) -> dict[DocumentId, Progress]:
        """How far each of the documents is, in few queries; unknown ones are left out."""
        ...


class Records(Protocol):
    """Opens units of work. Safe between threads."""

    def __call__(self) -> UnitOfWork:
        """A fresh unit of work, to be used as a context manager by one thread."""
        ...

    def check(self) -> None:
        """Prove that the database answers and its schema is the expected one. Raises DatabaseUnavailable."""
        ...
