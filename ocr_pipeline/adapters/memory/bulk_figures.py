"""Figures of bulk runs, counted in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.bulk import BulkItem, ItemState, RunId
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.bulk import RunPages, Tally, Throughput

_LIVE = {DocumentState.QUEUED, DocumentState.PROCESSING}


class MemoryBulkFigures:
    """The `BulkFigures` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def tallies(self, run_id: RunId) -> list[Tally]:
        """Items by state and code; within a state those without a code come last, as the database has it."""
        many: Counter[tuple[ItemState, str | None]] = Counter()
        pages: Counter[tuple[ItemState, str | None]] = Counter()
        for item in self._of(run_id):
            many[item.state, item.code] += 1
            pages[item.state, item.code] += item.pages or 0
        keys = sorted(many, key=lambda key: (key[0].value, key[1] is None, key[1] or ""))
        return [Tally(*key, many[key], pages[key]) for key in keys]

    def pages(self, run_id: RunId) -> RunPages:
        """Pages by state, and their engine time."""
        pages = self._pages(run_id)
        many = Counter(page.state for page in pages)
        return RunPages({state: many[state] for state in PageState}, sum((page.seconds or 0.0 for page in pages), 0.0))

    def throughput(self, run_id: RunId, *, seconds: float, since: datetime) -> list[Throughput]:
        """What was settled, by stretches of time."""
        items: Counter[int] = Counter()
        pages: Counter[int] = Counter()
        for item in self._worked_on(run_id):
            if item.settled_at is not None:
                place = int((item.settled_at - since).total_seconds() // seconds)
                items[place] += 1
                pages[place] += item.pages or 0
        return [
            Throughput(since + timedelta(seconds=place * seconds), items[place], pages[place])
            for place in sorted(items)
        ]

    def latencies(self, run_id: RunId, bounds: Sequence[float]) -> list[int]:
        """A histogram of the seconds from being handed out to being settled."""
        many = Counter(bisect_right(bounds, item.seconds or 0.0) for item in self._worked_on(run_id))
        return [many[place] for place in range(len(bounds) + 1)]

    def slowest(self, run_id: RunId, limit: int) -> list[BulkItem]:
        """Longest first."""
        return sorted(self._worked_on(run_id), key=lambda item: (-(item.seconds or 0.0), item.number))[:limit]

    def waiting_pages(self, priority: Priority) -> int:
        """Documents of a class not opened yet, and queued pages of live ones."""
        documents = [each for each in self._transaction.documents.rows() if each.priority is priority]
        unopened = sum(each.state is DocumentState.RECEIVED for each in documents)
        live = {each.id for each in documents if each.state in _LIVE}
        pages = self._transaction.pages.rows()
        return unopened + sum(page.state is PageState.QUEUED and page.ref.document_id in live for page in pages)

    def _of(self, run_id: RunId) -> list[BulkItem]:
        return [item for item in self._transaction.bulk_items.rows() if item.run_id == run_id]

    def _worked_on(self, run_id: RunId) -> list[BulkItem]:
        return [item for item in self._of(run_id) if item.seconds is not None]

    def _pages(self, run_id: RunId) -> list[Page]:
        segments = self._transaction.bulk_segments.rows()
        documents = {segment.document_id for segment in segments if segment.run_id == run_id}
        return [page for page in self._transaction.pages.rows() if page.ref.document_id in documents]
