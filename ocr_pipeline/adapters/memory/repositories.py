"""The four repositories over one transaction in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ocr_pipeline.adapters.memory.locks import KeyedLocks
from ocr_pipeline.adapters.memory.tables import Tables, View
from ocr_pipeline.domain import audit
from ocr_pipeline.domain.audit import AuditEntry, AuditEvent, ChainHead
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef, ReviewId
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.review import ReviewItem

_LIVE = frozenset({DocumentState.QUEUED, DocumentState.PROCESSING})
_NO_DUPLICATE = frozenset({DocumentState.ERASED, DocumentState.CANCELLED})


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

    def hold(self, document_id: DocumentId) -> None:
        """Lock a document's row."""
        self.lock("document", document_id)
        self._held.add(document_id)

    def lock(self, *name: object) -> None:
        """Lock anything by name."""
        self._locks.acquire(name, self)

    def require_held(self, document_id: DocumentId) -> None:
        """Raises IntegrityError when a document is about to be changed without its lock."""
        if document_id not in self._held:
            raise IntegrityError("a document changes only in a unit of work that locked or added it")

    def commit(self) -> None:
        """Show every write at once and let go of the locks."""
        with self._mutex:
            for view in (self.documents, self.heads, self.pages, self.reviews, self.events):
                view.flush()
        self._release()

    def rollback(self) -> None:
        """Forget every write and let go of the locks."""
        for view in (self.documents, self.heads, self.pages, self.reviews, self.events):
            view.discard()
        self._release()

    def _release(self) -> None:
        self._held.clear()
        self._locks.release(self)


class MemoryDocuments:
    """Documents."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, document: Document) -> None:
        """Insert, and hold. Raises Conflict for a known id."""
        self._transaction.hold(document.id)
        if self._transaction.documents.get(document.id) is not None:
            raise Conflict("a document with this id exists already")
        self._transaction.documents.put(document.id, document)
        self._transaction.heads.put(document.id, ChainHead())

    def get(self, document_id: DocumentId) -> Document:
        """Raises NotFound."""
        document = self._transaction.documents.get(document_id)
        if document is None:
            raise NotFound("no such document")
        return document

    def lock(self, document_id: DocumentId) -> Document:
        """Hold, then read what the holder before left."""
        self.get(document_id)
        self._transaction.hold(document_id)
        return self.get(document_id)

    def save(self, document: Document) -> None:
        """Write every field. Raises IntegrityError unless the document is held."""
        self._transaction.require_held(document.id)
        self._transaction.documents.put(document.id, document)

    def find_duplicate(self, client_id: ClientId, fingerprint: bytes) -> Document | None:
        """The newest live document with this fingerprint; holds the fingerprint."""
        self._transaction.lock("fingerprint", client_id, fingerprint)
        same = (
            row
            for row in self._transaction.documents.rows()
            if row.client_id == client_id and row.fingerprint == fingerprint and row.state not in _NO_DUPLICATE
        )
        return max(same, key=lambda row: row.id, default=None)

    def find(
        self,
        *,
        states: Sequence[DocumentState] = (),
        client_id: ClientId | None = None,
        limit: int = 100,
        after: DocumentId | None = None,
    ) -> list[Document]:
        """In order of id."""
        found = [
            row
            for row in self._transaction.documents.rows()
            if (not states or row.state in states)
            and (client_id is None or row.client_id == client_id)
            and (after is None or row.id > after)
        ]
        return sorted(found, key=lambda row: row.id)[:limit]

    def stalled(self, *, dispatched_before: datetime, limit: int) -> list[DocumentId]:
        """Most urgent and oldest first."""
        found = [
            row
            for row in self._transaction.documents.rows()
            if row.state is DocumentState.RECEIVED
            and (row.dispatched_at is None or row.dispatched_at < dispatched_before)
        ]
        return [row.id for row in sorted(found, key=lambda row: (row.priority, row.id))[:limit]]


class MemoryPages:
    """Pages."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, pages: Sequence[Page]) -> None:
        """Insert all or none. Raises Conflict for a known page, IntegrityError unless the document is held."""
        for page in pages:
            self._transaction.require_held(page.ref.document_id)
        refs = {page.ref for page in pages}
        if len(refs) < len(pages) or any(self._transaction.pages.get(ref) is not None for ref in refs):
            raise Conflict("a page with this number exists already")
        for page in pages:
            self._transaction.pages.put(page.ref, page)

    def get(self, page: PageRef) -> Page:
        """Raises NotFound."""
        found = self._transaction.pages.get(page)
        if found is None:
            raise NotFound("no such page")
        return found

    def save(self, page: Page) -> None:
        """Write every field. Raises NotFound, IntegrityError unless the document is held."""
        self._transaction.require_held(page.ref.document_id)
        self.get(page.ref)
        self._transaction.pages.put(page.ref, page)

    def of_document(self, document_id: DocumentId) -> list[Page]:
        """In order of their numbers."""
        found = [row for row in self._transaction.pages.rows() if row.ref.document_id == document_id]
        return sorted(found, key=lambda row: row.ref.number)

    def states(self, document_id: DocumentId) -> list[PageState]:
        """In order of their numbers."""
        return [page.state for page in self.of_document(document_id)]

    def due(self, *, now: datetime, dispatched_before: datetime, limit: int) -> list[PageRef]:
        """Most urgent and oldest first."""
        live = {row.id: row.priority for row in self._transaction.documents.rows() if row.state in _LIVE}
        found = [
            row.ref
            for row in self._transaction.pages.rows()
            if row.ref.document_id in live and _is_due(row, now, dispatched_before)
        ]
        return sorted(found, key=lambda ref: (live[ref.document_id], ref))[:limit]


class MemoryReviews:
    """Review items."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, item: ReviewItem) -> None:
        """Insert. Raises Conflict for a known id or a page with an open item, IntegrityError unless held."""
        self._transaction.require_held(item.page.document_id)
        if self._transaction.pages.get(item.page) is None:
            raise IntegrityError("a review item needs its page")
        self._transaction.lock("review", item.id)
        if self._transaction.reviews.get(item.id) is not None:
            raise Conflict("a review item with this id exists already")
        self._check_single(item)
        self._transaction.reviews.put(item.id, item)

    def get(self, review_id: ReviewId) -> ReviewItem:
        """Raises NotFound."""
        item = self._transaction.reviews.get(review_id)
        if item is None:
            raise NotFound("no such review item")
        return item

    def save(self, item: ReviewItem) -> None:
        """Write every field. Raises NotFound, IntegrityError unless the document is held."""
        self._transaction.require_held(item.page.document_id)
        self.get(item.id)
        self._transaction.reviews.put(item.id, item)

    def open_items(self, *, limit: int = 100, claimable_at: datetime | None = None) -> list[ReviewItem]:
        """Most urgent first, then oldest."""
        found = [
            row
            for row in self._transaction.reviews.rows()
            if row.is_open and (claimable_at is None or row.lease_at(claimable_at) is None)
        ]
        return sorted(found, key=lambda row: (row.priority, row.opened_at, row.id))[:limit]

    def of_document(self, document_id: DocumentId) -> list[ReviewItem]:
        """In order of page, then of opening."""
        found = [row for row in self._transaction.reviews.rows() if row.page.document_id == document_id]
        return sorted(found, key=lambda row: (row.page.number, row.opened_at, row.id))

    def _check_single(self, item: ReviewItem) -> None:
        others = self.of_document(item.page.document_id)
        if item.is_open and any(other.is_open and other.page == item.page for other in others):
            raise Conflict("this page waits for a person already")


class MemoryAuditTrail:
    """Audit events: there is no way to change or remove one."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def append(self, entry: AuditEntry) -> AuditEvent:
        """Chain one entry. Raises IntegrityError unless the document is held."""
        self._transaction.require_held(entry.document_id)
        event, head = audit.append(self.head(entry.document_id), entry)
        self._transaction.events.put((entry.document_id, event.sequence), event)
        self._transaction.heads.put(entry.document_id, head)
        return event

    def events(self, document_id: DocumentId) -> Iterator[AuditEvent]:
        """Oldest first."""
        found = [row for row in self._transaction.events.rows() if row.entry.document_id == document_id]
        return iter(sorted(found, key=lambda row: row.sequence))

    def head(self, document_id: DocumentId) -> ChainHead:
        """Raises NotFound."""
        head = self._transaction.heads.get(document_id)
        if head is None:
            raise NotFound("no such document")
        return head

    def document_ids(self) -> Iterator[DocumentId]:
        """In order of id."""
        chained = (document_id for document_id, _ in self._transaction.events.names())
        return iter(sorted({*self._transaction.documents.names(), *chained}))


def _is_due(page: Page, now: datetime, dispatched_before: datetime) -> bool:
    if page.state is not PageState.QUEUED or (page.not_before is not None and page.not_before > now):
        return False
    if page.dispatched_at is None or page.dispatched_at < dispatched_before:
        return True
    return page.not_before is not None and page.dispatched_at < page.not_before
