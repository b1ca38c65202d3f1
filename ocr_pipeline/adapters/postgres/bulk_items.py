"""Rows of the items of bulk runs and of the documents they became."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ARRAY,
    Integer,
    LargeBinary,
    any_,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from ocr_pipeline.adapters.postgres.bulk_rows import item_from_row, item_to_row, segment_from_row, segment_to_row
from ocr_pipeline.adapters.postgres.bulk_tables import bulk_items, bulk_segments
from ocr_pipeline.adapters.postgres.rows import utc
from ocr_pipeline.adapters.postgres.statements import replacement
from ocr_pipeline.adapters.postgres.tables import documents
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.bulk import BulkItem, ItemState, RunId, Segment, SegmentDocument
from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentState
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import DocumentId

_SAVE = replacement(bulk_items)
_UNSETTLED = tuple(state.value for state in DocumentState if state not in SETTLED_STATES)


class PostgresBulkItems:
    """The `BulkItems` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, items: Sequence[BulkItem]) -> None:
        """Insert all or none. Raises Conflict for a number that is taken, IntegrityError for an unknown run."""
        if items:
            self._transaction.insert(insert(bulk_items), [item_to_row(item) for item in items])

    def last(self, run_id: RunId) -> tuple[int, int]:
        """The highest number and the highest line."""
        row = self._transaction.first(
            select(
                func.coalesce(func.max(bulk_items.c.number), 0).label("number"),
                func.coalesce(func.max(bulk_items.c.line), 0).label("line"),
            ).where(bulk_items.c.run_id == run_id)
        )
        return (0, 0) if row is None else (row["number"], row["line"])

    def known(self, run_id: RunId, fingerprints: Sequence[bytes]) -> dict[bytes, int]:
        """Which of these names the run has."""
        found = self._transaction.all(
            select(bulk_items.c.fingerprint, func.min(bulk_items.c.number).label("number"))
            .where(
                bulk_items.c.run_id == run_id,
                bulk_items.c.fingerprint == any_(literal(list(fingerprints), ARRAY(LargeBinary))),
                bulk_items.c.fingerprint.is_not(None),
                bulk_items.c.state != ItemState.DUPLICATE.value,
            )
            .group_by(bulk_items.c.fingerprint)
        )
        return {bytes(row["fingerprint"]): row["number"] for row in found}

    def claim(self, run_id: RunId, *, now: datetime, limit: int) -> list[BulkItem]:
        """Waiting items that are due, locked; others' are passed over."""
        found = self._transaction.all(
            select(bulk_items)
            .where(
                bulk_items.c.run_id == run_id,
                bulk_items.c.state == ItemState.WAITING.value,
                or_(bulk_items.c.not_before.is_(None), bulk_items.c.not_before <= now),
            )
            .order_by(bulk_items.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [item_from_row(row) for row in found]

    def get(self, run_id: RunId, number: int) -> BulkItem:
        """Raises NotFound."""
        row = self._transaction.first(
            select(bulk_items).where(bulk_items.c.run_id == run_id, bulk_items.c.number == number)
        )
        if row is None:
            raise NotFound("no such item of a bulk run")
        return item_from_row(row)

    def save(self, item: BulkItem) -> None:
        """Write every field."""
        self._transaction.run_plain(_SAVE, item_to_row(item))

    def of_run(
        self, run_id: RunId, *, after: int = 0, limit: int = 1000, states: Sequence[ItemState] = ()
    ) -> list[BulkItem]:
        """In order of number."""
        wanted = select(bulk_items).where(bulk_items.c.run_id == run_id, bulk_items.c.number > after)
        if states:
            wanted = wanted.where(bulk_items.c.state.in_([state.value for state in states]))
        return [item_from_row(row) for row in self._transaction.all(wanted.order_by(bulk_items.c.number).limit(limit))]

    def add_segments(self, segments: Sequence[Segment]) -> None:
        """Insert. Raises Conflict for one that is there, IntegrityError for an unknown item or document."""
        if segments:
            self._transaction.insert(insert(bulk_segments), [segment_to_row(segment) for segment in segments])

    def segments(self, run_id: RunId, numbers: Sequence[int]) -> list[Segment]:
        """In order of item and index."""
        found = self._transaction.all(
            select(bulk_segments)
            .where(
                bulk_segments.c.run_id == run_id,
                bulk_segments.c.number == any_(literal(list(numbers), ARRAY(Integer))),
            )
            .order_by(bulk_segments.c.number, bulk_segments.c.index)
        )
        return [segment_from_row(row) for row in found]

    def settled(self, run_id: RunId, *, limit: int) -> list[tuple[BulkItem, list[SegmentDocument]]]:
        """Handed-out items without an unsettled document, locked; others' are passed over."""
        unsettled = (
            select(literal(1))
            .select_from(bulk_segments.join(documents, documents.c.id == bulk_segments.c.document_id))
            .where(
                bulk_segments.c.run_id == bulk_items.c.run_id,
                bulk_segments.c.number == bulk_items.c.number,
                documents.c.state.in_(_UNSETTLED),
            )
        )
        found = self._transaction.all(
            select(bulk_items)
            .where(
                bulk_items.c.run_id == run_id,
                bulk_items.c.state == ItemState.HANDED_OUT.value,
                ~exists(unsettled.correlate(bulk_items)),
            )
            .order_by(bulk_items.c.number)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        items = [item_from_row(row) for row in found]
        made = self._documents(run_id, [item.number for item in items])
        return [(item, made[item.number]) for item in items]

    def forget_names(self, document_id: DocumentId) -> int:
        """Drop the names of what became this document."""
        became = select(bulk_segments.c.run_id, bulk_segments.c.number).where(
            bulk_segments.c.document_id == document_id
        )
        return self._transaction.run(
            update(bulk_items)
            .where(tuple_(bulk_items.c.run_id, bulk_items.c.number).in_(became), bulk_items.c.source.is_not(None))
            .values(source=None)
        )

    def _documents(self, run_id: RunId, numbers: Sequence[int]) -> dict[int, list[SegmentDocument]]:
        """The documents of some items. They were settled a moment ago, and what is settled does not come back."""
        made: dict[int, list[SegmentDocument]] = defaultdict(list)
        if not numbers:
            return made
        found = self._transaction.all(
            select(
                bulk_segments,
                documents.c.state,
                documents.c.reason,
                documents.c.page_count,
                documents.c.updated_at,
            )
            .join(documents, documents.c.id == bulk_segments.c.document_id)
            .where(
                bulk_segments.c.run_id == run_id,
                bulk_segments.c.number == any_(literal(list(numbers), ARRAY(Integer))),
            )
            .order_by(bulk_segments.c.number, bulk_segments.c.index)
        )
        for row in found:
            made[row["number"]].append(
                SegmentDocument(
                    segment_from_row(row),
                    DocumentState(row["state"]),
                    row["reason"],
                    row["page_count"],
                    utc(row["updated_at"]),
                )
            )
        return made
