"""The figures that operators watch, from few aggregates in one read-only transaction.

The cost is bounded by what is open, what came in today and what was settled within the hour, never by what the tables
hold in all: open rows are found by their partial indexes, today's by their ids, which begin with the time of arrival,
and the settled ones and the audit events by the indexes on their times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, case, func, select, text

from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.adapters.postgres.rows import utc
from ocr_pipeline.adapters.postgres.tables import audit_events, documents, pages, review_items
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import uuid7
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.figures import ARRIVALS, Backlog, EngineWork, Figures, Settled, Waiting

_LIVE = (DocumentState.QUEUED.value, DocumentState.PROCESSING.value)
_OPEN = (DocumentState.RECEIVED.value, *_LIVE, DocumentState.NEEDS_REVIEW.value)
_HOUR = timedelta(hours=1)
_CLOCK_MARGIN = timedelta(seconds=60)
"""How much earlier the id of a document may have been made than it was received, by another machine's clock."""


class PostgresFigures:
    """The `FiguresSource` port over a pool of connections; each statement may take `seconds` at most."""

    def __init__(self, engine: Engine, *, seconds: float = 5.0) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._milliseconds = round(seconds * 1000)

    def __call__(self, *, now: datetime, day_began: datetime) -> Figures:
        """The figures in one consistent view. Raises DatabaseUnavailable."""
        with translated(), self._engine.connect() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {self._milliseconds}"))
            view = Transaction(connection)
            today, refusals = _today(view, day_began)
            settled, engines = _settled(view, now)
            audit_events, last_audit_event = _audit(view, min(day_began, now - _HOUR), day_began)
            return Figures(
                waiting=_waiting(view, now),
                arrived=_arrived(view, now - ARRIVALS),
                open_documents=_open_documents(view),
                today=today,
                pages_today=_pages_today(view, day_began),
                refusals=refusals,
                settled=settled,
                engines=engines,
                reviews=_reviews(view),
                audit_events=audit_events,
                last_audit_event=last_audit_event,
            )


def _waiting(view: Transaction, now: datetime) -> Mapping[Priority, Waiting]:
    received = view.all(
        select(documents.c.priority, func.count().label("many"), func.min(documents.c.received_at).label("oldest"))
        .where(documents.c.state == DocumentState.RECEIVED.value)
        .group_by(documents.c.priority)
    )
    queued = view.all(
        select(
            documents.c.priority,
            func.count().label("many"),
            func.min(documents.c.received_at).label("oldest"),
            func.count().filter(pages.c.attempt > 1).label("retrying"),
            func.count().filter(pages.c.not_before > now).label("delayed"),
            func.count().filter(pages.c.quarantined).label("quarantined"),
        )
        .join_from(pages, documents, documents.c.id == pages.c.document_id)
        .where(pages.c.state == PageState.QUEUED.value, documents.c.state.in_(_LIVE))
        .group_by(documents.c.priority)
    )
    by_class = {row["priority"]: row for row in received}
    pages_by_class = {row["priority"]: row for row in queued}
    found = {}
    for priority in Priority:
        document, page = by_class.get(priority.value), pages_by_class.get(priority.value)
        found[priority] = Waiting(
            documents=document["many"] if document else 0,
            oldest_document=utc(document["oldest"]) if document else None,
            pages=page["many"] if page else 0,
            oldest_page=utc(page["oldest"]) if page else None,
            retrying=page["retrying"] if page else 0,
            delayed=page["delayed"] if page else 0,
            quarantined=page["quarantined"] if page else 0,
        )
    return found


def _arrived(view: Transaction, since: datetime) -> Mapping[Priority, int]:
    found = view.all(
        select(documents.c.priority, func.sum(func.coalesce(documents.c.page_count, 1)).label("many"))
        .where(*_received_since(since))
        .group_by(documents.c.priority)
    )
    many = {row["priority"]: row["many"] for row in found}
    return {priority: int(many.get(priority.value, 0)) for priority in Priority}


def _open_documents(view: Transaction) -> Mapping[DocumentState, int]:
    found = view.all(
        select(documents.c.state, func.count().label("many"))
        .where(documents.c.state.in_(_OPEN))
        .group_by(documents.c.state)
    )
    many = {row["state"]: row["many"] for row in found}
    return {DocumentState(state): many.get(state, 0) for state in _OPEN}


def _today(view: Transaction, day_began: datetime) -> tuple[Mapping[DocumentState, int], Mapping[str, int]]:
    refusal = case((documents.c.state == DocumentState.REJECTED.value, documents.c.reason))
    found = view.all(
        select(documents.c.state, refusal.label("refusal"), func.count().label("many"))
        .where(*_received_since(day_began))
        .group_by(documents.c.state, text("refusal"))
    )
    states: dict[DocumentState, int] = dict.fromkeys(DocumentState, 0)
    refusals: dict[str, int] = {}
    for row in found:
        states[DocumentState(row["state"])] += row["many"]
        if row["refusal"] is not None:
            refusals[row["refusal"]] = row["many"]
    return states, refusals


def _pages_today(view: Transaction, day_began: datetime) -> Mapping[tuple[PageState, Priority], int]:
    found = view.all(
        select(pages.c.state, documents.c.priority, func.count().label("many"))
        .join_from(pages, documents, documents.c.id == pages.c.document_id)
        .where(*_received_since(day_began), pages.c.document_id >= _first_id(day_began))
        .group_by(pages.c.state, documents.c.priority)
    )
    many = {(row["state"], row["priority"]): row["many"] for row in found}
    return {
        (state, priority): many.get((state.value, priority.value), 0) for state in PageState for priority in Priority
    }


def _settled(view: Transaction, now: datetime) -> tuple[Settled, list[EngineWork]]:
    def since(minutes: int) -> ColumnElement[int]:
        # Settled here means that no machine has work on the page any more, as for documents.
        return func.count().filter(pages.c.updated_at > now - timedelta(minutes=minutes))

    found = view.all(
        select(
            pages.c.engine,
            since(1).label("minute"),
            since(5).label("minutes"),
            since(60).label("hour"),
            func.avg(pages.c.seconds).label("seconds"),
            func.avg(pages.c.confidence).label("confidence"),
        )
        .where(pages.c.state != PageState.QUEUED.value, pages.c.updated_at > now - _HOUR)
        .group_by(pages.c.engine)
    )
    total: dict[str, int] = defaultdict(int)
    for row in found:
        for span in ("minute", "minutes", "hour"):
            total[span] += row[span]
    engines = [
        EngineWork(row["engine"], row["hour"], row["seconds"], row["confidence"])
        for row in sorted(found, key=lambda row: -row["hour"])
        if row["engine"] is not None
    ]
    return Settled(total["minute"], total["minutes"], total["hour"]), engines


def _reviews(view: Transaction) -> Mapping[Priority, Backlog]:
    found = view.all(
        select(review_items.c.priority, func.count().label("many"), func.min(review_items.c.opened_at).label("oldest"))
        .where(review_items.c.resolution.is_(None))
        .group_by(review_items.c.priority)
    )
    known = {row["priority"]: Backlog(row["many"], utc(row["oldest"])) for row in found}
    return {priority: known.get(priority.value, Backlog()) for priority in Priority}


def _audit(view: Transaction, since: datetime, day_began: datetime) -> tuple[int, datetime | None]:
    """How many events since the day began, and the last one where it is not older than `since`."""
    row = view.first(
        select(
            func.count().filter(audit_events.c.at >= day_began).label("many"), func.max(audit_events.c.at).label("last")
        ).where(audit_events.c.at >= since)
    )
    if row is None or row["last"] is None:
        return 0, None
    return row["many"], utc(row["last"])


def _received_since(moment: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return documents.c.id >= _first_id(moment), documents.c.received_at >= moment


def _first_id(at: datetime) -> object:
    """No document received since then has a lower id."""
    milliseconds = round((at - _CLOCK_MARGIN - datetime.fromtimestamp(0, UTC)).total_seconds() * 1000)
    return uuid7(max(0, milliseconds), 0)
