"""Figures of bulk runs, each from one query."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, ColumnElement, Double, Select, cast, func, literal, select

from ocr_pipeline.adapters.postgres.bulk_rows import item_from_row
from ocr_pipeline.adapters.postgres.bulk_tables import bulk_items, bulk_segments
from ocr_pipeline.adapters.postgres.tables import documents, pages
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.bulk import BulkItem, ItemState, RunId
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.bulk import RunPages, Tally, Throughput

_LIVE = (DocumentState.QUEUED.value, DocumentState.PROCESSING.value)


class PostgresBulkFigures:
    """The `BulkFigures` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def tallies(self, run_id: RunId) -> list[Tally]:
        """Items by state and code."""
        found = self._transaction.all(
            select(
                bulk_items.c.state,
                bulk_items.c.code,
                func.count().label("items"),
                func.coalesce(func.sum(bulk_items.c.pages), 0).label("pages"),
            )
            .where(bulk_items.c.run_id == run_id)
            .group_by(bulk_items.c.state, bulk_items.c.code)
            .order_by(bulk_items.c.state, bulk_items.c.code)
        )
        return [Tally(ItemState(row["state"]), row["code"], row["items"], int(row["pages"])) for row in found]

    def pages(self, run_id: RunId) -> RunPages:
        """Pages by state, and their engine time, in one pass: a large run has millions."""
        found = self._transaction.all(
            select(
                pages.c.state,
                func.count().label("many"),
                func.coalesce(func.sum(pages.c.seconds), 0.0).label("seconds"),
            )
            .where(pages.c.document_id.in_(_documents_of(run_id)))
            .group_by(pages.c.state)
        )
        many = {row["state"]: row["many"] for row in found}
        seconds = sum((float(row["seconds"]) for row in found), 0.0)
        return RunPages({state: many.get(state.value, 0) for state in PageState}, seconds)

    def throughput(self, run_id: RunId, *, seconds: float, since: datetime) -> list[Throughput]:
        """What was settled, by stretches of time."""
        start = func.date_bin(timedelta(seconds=seconds), bulk_items.c.settled_at, since).label("start")
        found = self._transaction.all(
            select(start, func.count().label("items"), func.coalesce(func.sum(bulk_items.c.pages), 0).label("pages"))
            .where(bulk_items.c.run_id == run_id, *_worked_on())
            .group_by(start)
            .order_by(start)
        )
        return [Throughput(row["start"], row["items"], int(row["pages"])) for row in found]

    def latencies(self, run_id: RunId, bounds: Sequence[float]) -> list[int]:
        """A histogram of the seconds from being handed out to being settled."""
        place = func.width_bucket(_seconds(), literal(list(bounds), ARRAY(Double))).label("place")
        found = self._transaction.all(
            select(place, func.count().label("many"))
            .where(bulk_items.c.run_id == run_id, *_worked_on())
            .group_by(place)
        )
        many = {row["place"]: row["many"] for row in found}
        return [many.get(place, 0) for place in range(len(bounds) + 1)]

    def slowest(self, run_id: RunId, limit: int) -> list[BulkItem]:
        """Longest first."""
        found = self._transaction.all(
            select(bulk_items)
            .where(bulk_items.c.run_id == run_id, *_worked_on())
            .order_by(_seconds().desc(), bulk_items.c.number)
            .limit(limit)
        )
        return [item_from_row(row) for row in found]

    def waiting_pages(self, priority: Priority) -> int:
        """Documents of a class not opened yet, and queued pages of live ones."""
        of_class = documents.c.priority == int(priority)
        unopened = select(func.count()).where(of_class, documents.c.state == DocumentState.RECEIVED.value)
        queued = (
            select(func.count())
            .select_from(documents.join(pages, pages.c.document_id == documents.c.id))
            .where(of_class, documents.c.state.in_(_LIVE), pages.c.state == PageState.QUEUED.value)
        )
        row = self._transaction.first(
            select(unopened.scalar_subquery().label("unopened"), queued.scalar_subquery().label("queued"))
        )
        return 0 if row is None else int(row["unopened"] + row["queued"])


def _documents_of(run_id: RunId) -> Select[tuple[object]]:
    return select(bulk_segments.c.document_id).where(bulk_segments.c.run_id == run_id)


def _worked_on() -> tuple[ColumnElement[bool], ...]:
    return (bulk_items.c.handed_out_at.is_not(None), bulk_items.c.settled_at.is_not(None))


def _seconds() -> ColumnElement[float]:
    return cast(func.extract("epoch", bulk_items.c.settled_at - bulk_items.c.handed_out_at), Double)
