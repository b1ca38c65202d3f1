"""Review items in memory."""

from __future__ import annotations

from datetime import datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.ids import DocumentId, ReviewId
from ocr_pipeline.domain.review import ReviewItem


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
