"""Rows of review items."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, or_, select, update

from ocr_pipeline.adapters.postgres.rows import review_from_row, review_to_row
from ocr_pipeline.adapters.postgres.tables import review_items
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import DocumentId, ReviewId
from ocr_pipeline.domain.review import ReviewItem


class PostgresReviews:
    """The `Reviews` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, item: ReviewItem) -> None:
        """Insert. Raises Conflict for a known id or a page with an open item, IntegrityError unless held."""
        self._transaction.require_held(item.page.document_id)
        self._transaction.insert(insert(review_items), [review_to_row(item)])

    def get(self, review_id: ReviewId) -> ReviewItem:
        """Raises NotFound."""
        row = self._transaction.first(select(review_items).where(review_items.c.id == review_id))
        if row is None:
            raise NotFound("no such review item")
        return review_from_row(row)

    def save(self, item: ReviewItem) -> None:
        """Write every field. Raises NotFound, IntegrityError unless the document is held."""
        self._transaction.require_held(item.page.document_id)
        written = self._transaction.run(
            update(review_items).where(review_items.c.id == item.id).values(review_to_row(item))
        )
        if not written:
            raise NotFound("no such review item")

    def open_items(self, *, limit: int = 100, claimable_at: datetime | None = None) -> list[ReviewItem]:
        """Most urgent first, then oldest."""
        query = select(review_items).where(review_items.c.resolution.is_(None))
        if claimable_at is not None:
            expires_at = review_items.c.lease_expires_at
            query = query.where(or_(expires_at.is_(None), expires_at <= claimable_at))
        found = self._transaction.all(
            query.order_by(review_items.c.priority, review_items.c.opened_at, review_items.c.id).limit(limit)
        )
        return [review_from_row(row) for row in found]

    def of_document(self, document_id: DocumentId) -> list[ReviewItem]:
        """In order of page, then of opening."""
        found = self._transaction.all(
            select(review_items)
            .where(review_items.c.document_id == document_id)
            .order_by(review_items.c.page_number, review_items.c.opened_at, review_items.c.id)
        )
        return [review_from_row(row) for row in found]
