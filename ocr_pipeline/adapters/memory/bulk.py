"""Bulk runs and their items in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunEvent, RunId, RunState, Segment, SegmentDocument
from ocr_pipeline.domain.documents import SETTLED_STATES
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.ids import DocumentId


class MemoryBulkRuns:
    """Runs and the changes of their states."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, run: BulkRun) -> None:
        """Insert. Raises Conflict for a known id."""
        self._transaction.lock("bulk run", run.id)
        if self._transaction.bulk_runs.get(run.id) is not None:
            raise Conflict("this bulk run is known")
        self._transaction.bulk_runs.put(run.id, run)

    def get(self, run_id: RunId) -> BulkRun:
        """Raises NotFound."""
        run = self._transaction.bulk_runs.get(run_id)
        if run is None:
            raise NotFound("no such bulk run")
        return run

    def lock(self, run_id: RunId) -> BulkRun:
        """Wait for the run, and hold it. Raises NotFound."""
        self._transaction.lock("bulk run", run_id)
        return self.get(run_id)

    def save(self, run: BulkRun) -> None:
        """Write every field."""
        self._transaction.bulk_runs.put(run.id, run)

    def find(self, *, states: Sequence[RunState] = (), limit: int = 100) -> list[BulkRun]:
        """Newest first."""
        found = [run for run in self._transaction.bulk_runs.rows() if not states or run.state in states]
        return sorted(found, key=lambda run: run.id, reverse=True)[:limit]

    def log(self, event: RunEvent) -> None:
        """Insert an event. Raises IntegrityError for an unknown run."""
        if self._transaction.bulk_runs.get(event.run_id) is None:
            raise IntegrityError("an event needs its bulk run")
        self._transaction.lock("bulk run events")
        self._transaction.bulk_run_events.put(len(self._transaction.bulk_run_events.names()) + 1, event)

    def events(self, run_id: RunId) -> list[RunEvent]:
        """In the order in which they were noted."""
        return [event for event in self._transaction.bulk_run_events.rows() if event.run_id == run_id]


class MemoryBulkItems:
    """Items and the documents they became."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, items: Sequence[BulkItem]) -> None:
        """Insert all or none. Raises Conflict for a number that is taken, IntegrityError for an unknown run."""
        table = self._transaction.bulk_items
        for item in items:
            self._transaction.lock("bulk item", item.run_id, item.number)
            if table.get((item.run_id, item.number)) is not None:
                raise Conflict("this item is known")
            if self._transaction.bulk_runs.get(item.run_id) is None:
                raise IntegrityError("an item needs its bulk run")
        for item in items:
            table.put((item.run_id, item.number), item)

    def last(self, run_id: RunId) -> tuple[int, int]:
        """The highest number and the highest line."""
        items = self._of(run_id)
        return max((item.number for item in items), default=0), max((item.line or 0 for item in items), default=0)

    def known(self, run_id: RunId, fingerprints: Sequence[bytes]) -> dict[bytes, int]:
        """Which of these names the run has."""
        wanted, found = set(fingerprints), dict[bytes, int]()
        for item in self._of(run_id):
            if item.fingerprint in wanted and item.fingerprint and item.state is not ItemState.DUPLICATE:
                found.setdefault(item.fingerprint, item.number)
        return found

    def claim(self, run_id: RunId, *, now: datetime, limit: int) -> list[BulkItem]:
        """Waiting items that are due, locked; others' are passed over."""
        claimed: list[BulkItem] = []
        for item in self._of(run_id):
            if len(claimed) == limit:
                break
            due = item.not_before is None or item.not_before <= now
            if item.state is ItemState.WAITING and due and self._take(item):
                fresh = self.get(run_id, item.number)
                if fresh.state is ItemState.WAITING:
                    claimed.append(fresh)
        return claimed

    def get(self, run_id: RunId, number: int) -> BulkItem:
        """Raises NotFound."""
        item = self._transaction.bulk_items.get((run_id, number))
        if item is None:
            raise NotFound("no such item of a bulk run")
        return item

    def save(self, item: BulkItem) -> None:
        """Write every field."""
        self._transaction.bulk_items.put((item.run_id, item.number), item)

    def of_run(
        self, run_id: RunId, *, after: int = 0, limit: int = 1000, states: Sequence[ItemState] = ()
    ) -> list[BulkItem]:
        """In order of number."""
        wanted = (item for item in self._of(run_id) if item.number > after and (not states or item.state in states))
        return list(wanted)[:limit]

    def add_segments(self, segments: Sequence[Segment]) -> None:
        """Insert. Raises Conflict for one that is there, IntegrityError for an unknown item or document."""
        for segment in segments:
            key = (segment.run_id, segment.number, segment.index)
            if self._transaction.bulk_segments.get(key) is not None:
                raise Conflict("this segment is known")
            if self._transaction.bulk_items.get(key[:2]) is None:
                raise IntegrityError("a segment needs its item")
            if self._transaction.documents.get(segment.document_id) is None:
                raise IntegrityError("a segment needs its document")
            self._transaction.bulk_segments.put(key, segment)

    def segments(self, run_id: RunId, numbers: Sequence[int]) -> list[Segment]:
        """In order of item and index."""
        wanted = set(numbers)
        rows = self._transaction.bulk_segments.rows()
        found = [segment for segment in rows if segment.run_id == run_id and segment.number in wanted]
        return sorted(found, key=lambda segment: (segment.number, segment.index))

    def settled(self, run_id: RunId, *, limit: int) -> list[tuple[BulkItem, list[SegmentDocument]]]:
        """Handed-out items without an unsettled document, locked; others' are passed over."""
        found: list[tuple[BulkItem, list[SegmentDocument]]] = []
        for item in self._of(run_id):
            if len(found) == limit:
                break
            if item.state is not ItemState.HANDED_OUT:
                continue
            made = [self._document(segment) for segment in self.segments(run_id, [item.number])]
            if all(each.state in SETTLED_STATES for each in made) and self._take(item):
                found.append((self.get(run_id, item.number), made))
        return found

    def forget_names(self, document_id: DocumentId) -> int:
        """Drop the names of what became this document."""
        rows = self._transaction.bulk_segments.rows()
        became = {(segment.run_id, segment.number) for segment in rows if segment.document_id == document_id}
        named = [item for key in became if (item := self._transaction.bulk_items.get(key)) and item.source is not None]
        for item in named:
            self.save(replace(item, source=None))
        return len(named)

    def _of(self, run_id: RunId) -> list[BulkItem]:
        found = [item for item in self._transaction.bulk_items.rows() if item.run_id == run_id]
        return sorted(found, key=lambda item: item.number)

    def _take(self, item: BulkItem) -> bool:
        return self._transaction.try_lock("bulk item", item.run_id, item.number)

    def _document(self, segment: Segment) -> SegmentDocument:
        document = self._transaction.documents.get(segment.document_id)
        if document is None:
            raise IntegrityError("a segment needs its document")
        return SegmentDocument(segment, document.state, document.reason, document.page_count, document.updated_at)
