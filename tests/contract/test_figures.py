"""What operators are told, over each kind of records: the same counts, whatever keeps the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from ocr_pipeline.adapters.memory.figures import MemoryFigures
from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.adapters.postgres.figures import PostgresFigures
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import DatabaseUnavailable
from ocr_pipeline.domain.ids import DocumentId, uuid7
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import Resolution
from ocr_pipeline.ports.figures import Backlog, Figures, FiguresSource, Settled, Waiting
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON, new_document, new_entry, new_page, new_review, put

MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture
def figures(records: Records) -> FiguresSource:
    if isinstance(records, MemoryRecords):
        return MemoryFigures(records)
    assert isinstance(records, PostgresRecords)
    return PostgresFigures(records.engine)


def document(*, at: datetime = NOON - timedelta(minutes=10), **changes: Any) -> Document:
    """A document whose id tells when it was received, as every id does."""
    made = new_document(state=changes.pop("state", DocumentState.QUEUED))
    milliseconds = round(at.timestamp() * 1000)
    return replace(made, id=DocumentId(uuid7(milliseconds, uuid4().int >> 54)), received_at=at, **changes)


def page(of: Document, number: int = 1, **changes: Any) -> Page:
    return replace(new_page(of, number), **changes)


def look(figures: FiguresSource) -> Figures:
    return figures(now=NOON, day_began=MIDNIGHT)


def minutes(many: float) -> datetime:
    return NOON - timedelta(minutes=many)


def test_with_nothing_there_every_class_and_state_is_named_with_nought(figures: FiguresSource) -> None:
    found = look(figures)
    assert found.waiting == dict.fromkeys(Priority, Waiting())
    assert found.reviews == dict.fromkeys(Priority, Backlog())
    assert set(found.today.values()) == {0}
    assert set(found.today) == set(DocumentState)
    assert len(found.pages_today) == len(PageState) * len(Priority)
    assert found.settled == Settled()
    assert (found.audit_events, found.last_audit_event, dict(found.refusals)) == (0, None, {})


def test_what_waits_is_told_by_class_with_the_oldest(records: Records, figures: FiguresSource) -> None:
    old = document(at=minutes(3 * 24 * 60), priority=Priority.BULK, state=DocumentState.PROCESSING)
    young = document(at=minutes(2), priority=Priority.BULK)
    urgent = document(at=minutes(1), priority=Priority.URGENT, state=DocumentState.RECEIVED)
    cancelled = document(at=minutes(9), priority=Priority.BULK, state=DocumentState.CANCELLED)
    put(records, old, young, urgent, cancelled)
    put(
        records,
        page(old, 1, attempt=2, not_before=NOON + timedelta(minutes=1)),
        page(old, 2, attempt=3, not_before=minutes(1)),
        page(old, 3, state=PageState.ACCEPTED),
        page(young, 1, quarantined=True),
        page(cancelled, 1),
    )
    found = look(figures).waiting
    assert found[Priority.BULK] == Waiting(pages=3, oldest_page=old.received_at, retrying=2, delayed=1, quarantined=1)
    assert found[Priority.URGENT] == Waiting(documents=1, oldest_document=urgent.received_at)
    assert found[Priority.ROUTINE] == Waiting()


def test_arriving_pages_are_those_of_the_last_five_minutes(records: Records, figures: FiguresSource) -> None:
    put(
        records,
        document(at=minutes(4), priority=Priority.URGENT, page_count=3),
        document(at=minutes(1), priority=Priority.URGENT, state=DocumentState.RECEIVED),
        document(at=minutes(1), priority=Priority.BULK, page_count=20),
        document(at=minutes(6), priority=Priority.BULK, page_count=500),
    )
    assert look(figures).arrived == {Priority.URGENT: 4, Priority.ROUTINE: 0, Priority.BULK: 20}


def test_todays_documents_end_with_midnight_and_open_ones_do_not(records: Records, figures: FiguresSource) -> None:
    yesterday = document(at=MIDNIGHT - timedelta(milliseconds=1), state=DocumentState.NEEDS_REVIEW)
    first = document(at=MIDNIGHT, state=DocumentState.COMPLETED, priority=Priority.URGENT)
    refused = [document(state=DocumentState.REJECTED, reason="too_large") for _ in range(2)]
    other = document(state=DocumentState.REJECTED, reason="malformed")
    put(records, yesterday, first, *refused, other)
    put(records, page(yesterday, state=PageState.IN_REVIEW), page(first, state=PageState.ACCEPTED))
    found = look(figures)
    assert found.today[DocumentState.COMPLETED] == 1
    assert found.today[DocumentState.REJECTED] == 3
    assert found.today[DocumentState.NEEDS_REVIEW] == 0
    assert found.open_documents[DocumentState.NEEDS_REVIEW] == 1
    assert dict(found.refusals) == {"too_large": 2, "malformed": 1}
    assert found.pages_today[PageState.ACCEPTED, Priority.URGENT] == 1
    assert sum(found.pages_today.values()) == 1


def test_throughput_counts_pages_as_they_are_settled(records: Records, figures: FiguresSource) -> None:
    one = document(at=minutes(600), state=DocumentState.PROCESSING)
    put(records, one)
    settled_ago = (0.5, 4, 30, 59.9, 60.1)
    put(
        records,
        *(
            page(one, number, state=PageState.ACCEPTED, updated_at=minutes(ago), engine="a/1", seconds=2.0)
            for number, ago in enumerate(settled_ago, 1)
        ),
        page(one, 6, state=PageState.IN_REVIEW, updated_at=minutes(3), engine="b/1", seconds=6.0, confidence=0.5),
        page(one, 7, updated_at=minutes(0.1)),
    )
    found = look(figures)
    assert found.settled == Settled(last_minute=1, last_5_minutes=3, last_hour=5)
    assert [(work.engine, work.pages, work.seconds, work.confidence) for work in found.engines] == [
        ("a/1", 4, 2.0, None),
        ("b/1", 1, 6.0, 0.5),
    ]


def test_the_review_backlog_is_what_nobody_resolved(records: Records, figures: FiguresSource) -> None:
    one = document(state=DocumentState.NEEDS_REVIEW)
    rows = [page(one, number, state=PageState.IN_REVIEW) for number in (1, 2, 3)]
    done = replace(new_review(rows[2]), resolution=Resolution.CONFIRMED, resolved_at=NOON, resolved_by="a person")
    put(records, one)
    put(records, *rows)
    put(records, new_review(rows[0], minutes=-30), new_review(rows[1], minutes=-5, priority=Priority.URGENT), done)
    found = look(figures).reviews
    assert found[Priority.ROUTINE] == Backlog(1, minutes(30))
    assert found[Priority.URGENT] == Backlog(1, minutes(5))


def test_audit_events_are_counted_by_their_time(records: Records, figures: FiguresSource) -> None:
    one = document()
    put(records, one)
    with records() as work:
        work.documents.lock(one.id)
        for ago in (13 * 60, 20, 7):
            work.audit.append(replace(new_entry(one.id), at=minutes(ago)))
        work.commit()
    found = look(figures)
    assert (found.audit_events, found.last_audit_event) == (2, minutes(7))


def test_a_database_that_takes_too_long_is_given_up(open_postgres: Callable[..., PostgresRecords]) -> None:
    engine = open_postgres().engine
    with engine.begin() as blocker:
        blocker.execute(text("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(DatabaseUnavailable):
            PostgresFigures(engine, seconds=0.05)(now=NOON, day_began=MIDNIGHT)


def test_looking_changes_nothing(open_postgres: Callable[..., PostgresRecords]) -> None:
    engine = open_postgres(pool_size=1).engine
    PostgresFigures(engine)(now=NOON, day_began=MIDNIGHT)
    with engine.connect() as connection:
        # What the figures set for their transaction does not outlive it.
        assert connection.execute(text("SHOW transaction_read_only")).scalar() == "off"
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "30s"
