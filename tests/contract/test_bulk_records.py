"""What every implementation of the records promises of bulk runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunEvent, RunId, RunState, Segment
from ocr_pipeline.domain.documents import Document, DocumentKind, DocumentState
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.window import Window
from ocr_pipeline.ports.bulk import Tally, Throughput
from ocr_pipeline.ports.records import Records
from tests.bulk_factory import new_item, new_run, put_run
from tests.postgres_fixtures import NOON, new_document, new_document_id, new_page, put

SECOND = timedelta(seconds=1)
NIGHTLY = Window.parse("22:00-06:00", "Asia/Seoul")


def settled_item(run: BulkRun, number: int, seconds: float, pages: int, **fields: object) -> BulkItem:
    state = fields.pop("state", ItemState.DONE)
    assert isinstance(state, ItemState)
    return new_item(run, number, state, handed_out_at=NOON, settled_at=NOON + seconds * SECOND, pages=pages, **fields)


def hand_out(records: Records, item: BulkItem, *documents: Document) -> None:
    with records() as work:
        work.bulk_items.save(replace(item, state=ItemState.HANDED_OUT, handed_out_at=NOON))
        work.bulk_items.add_segments(
            [
                Segment(item.run_id, item.number, index, 1 + 20 * (index - 1), document.id, known=index == 2)
                for index, document in enumerate(documents, start=1)
            ]
        )
        work.commit()


def test_a_run_comes_back_as_it_was_written(records: Records) -> None:
    full = new_run(
        RunState.FINISHED,
        window=NIGHTLY,
        unbounded=True,
        deadline=NOON + SECOND,
        started_at=NOON,
        ended_at=NOON + 2 * SECOND,
    )
    plain = new_run(RunState.LISTING)
    put_run(records, full)
    put_run(records, plain)
    with records() as work:
        assert work.bulk_runs.get(full.id) == full
        assert work.bulk_runs.lock(plain.id) == plain
        assert work.bulk_runs.find() == [plain, full]
        assert work.bulk_runs.find(states=(RunState.FINISHED,)) == [full]
        assert work.bulk_runs.find(limit=1) == [plain]
        moved = replace(plain, state=RunState.CREATED, updated_at=NOON + SECOND)
        work.bulk_runs.save(moved)
        work.commit()
    with records() as work:
        assert work.bulk_runs.get(plain.id) == moved
        with pytest.raises(NotFound):
            work.bulk_runs.get(RunId(new_document_id()))
        with pytest.raises(Conflict):
            work.bulk_runs.add(plain)


def test_the_changes_of_a_run_are_told_in_order(records: Records) -> None:
    run, other = new_run(), new_run()
    put_run(records, run)
    put_run(records, other)
    told = [RunEvent(run.id, NOON, state, "cli:kim") for state in (RunState.PAUSED, RunState.RUNNING)]
    with records() as work:
        for event in (told[0], RunEvent(other.id, NOON, RunState.PAUSED, "cli:lee"), told[1]):
            work.bulk_runs.log(event)
        work.commit()
    with records() as work:
        assert work.bulk_runs.events(run.id) == told
        with pytest.raises(IntegrityError):
            work.bulk_runs.log(RunEvent(RunId(new_document_id()), NOON, RunState.PAUSED, "cli:kim"))


def test_an_item_comes_back_as_it_was_written(records: Records) -> None:
    run = new_run()
    full = new_item(
        run,
        1,
        ItemState.REFUSED,
        line=7,
        kind=DocumentKind.CHART,
        code="too_large",
        duplicate_of=4,
        attempts=3,
        not_before=NOON,
        handed_out_at=NOON,
        settled_at=NOON + SECOND,
        pages=2,
    )
    bare = new_item(run, 2, source=None, fingerprint=None)
    put_run(records, run, full, bare)
    with records() as work:
        assert work.bulk_items.get(run.id, 1) == full
        assert work.bulk_items.get(run.id, 2) == bare
        assert work.bulk_items.last(run.id) == (2, 7)
        with pytest.raises(NotFound):
            work.bulk_items.get(run.id, 3)
        with pytest.raises(Conflict):
            work.bulk_items.add([new_item(run, 3), new_item(run, 2)])
    with records() as work, pytest.raises(IntegrityError):
        work.bulk_items.add([new_item(new_run(), 1)])


def test_items_are_listed_in_order_and_by_state(records: Records) -> None:
    run = new_run()
    items = [new_item(run, number, ItemState.DONE if number % 2 else ItemState.WAITING) for number in (3, 1, 2, 4)]
    put_run(records, run, *items)
    put_run(records, other := new_run(), new_item(other, 9))
    with records() as work:
        assert [item.number for item in work.bulk_items.of_run(run.id)] == [1, 2, 3, 4]
        assert [item.number for item in work.bulk_items.of_run(run.id, after=1, limit=2)] == [2, 3]
        assert [item.number for item in work.bulk_items.of_run(run.id, states=(ItemState.DONE,))] == [1, 3]
        assert work.bulk_items.last(RunId(new_document_id())) == (0, 0)


def test_names_of_a_run_are_known_by_their_first_item(records: Records) -> None:
    run, other = new_run(), new_run()
    first = new_item(run, 1)
    again = new_item(run, 2, ItemState.DUPLICATE, fingerprint=first.fingerprint, duplicate_of=1)
    put_run(records, run, first, again)
    put_run(records, other, foreign := new_item(other, 1))
    assert first.fingerprint is not None
    assert foreign.fingerprint is not None
    with records() as work:
        wanted = [first.fingerprint, foreign.fingerprint, bytes(32)]
        assert work.bulk_items.known(run.id, wanted) == {first.fingerprint: 1}
        assert work.bulk_items.known(run.id, []) == {}


def test_only_waiting_items_that_are_due_are_claimed_and_by_one_alone(records: Records) -> None:
    run = new_run()
    put_run(
        records,
        run,
        new_item(run, 1, ItemState.DONE),
        new_item(run, 2),
        new_item(run, 3, not_before=NOON + SECOND),
        new_item(run, 4),
        new_item(run, 5, not_before=NOON),
    )
    with records() as one, records() as other:
        assert [item.number for item in one.bulk_items.claim(run.id, now=NOON, limit=2)] == [2, 4]
        assert [item.number for item in other.bulk_items.claim(run.id, now=NOON, limit=9)] == [5]
        assert one.bulk_items.claim(run.id, now=NOON, limit=9)[-1].number == 4
    with records() as later:
        claimed = later.bulk_items.claim(run.id, now=NOON + SECOND, limit=9)
        assert [item.number for item in claimed] == [2, 3, 4, 5]


def test_items_are_settled_when_all_their_documents_are(records: Records) -> None:
    run = new_run()
    items = [new_item(run, number) for number in (1, 2, 3)]
    put_run(records, run, *items)
    done, open_one = new_document(state=DocumentState.COMPLETED), new_document(state=DocumentState.PROCESSING)
    put(records, done, open_one)
    hand_out(records, items[0], done)
    hand_out(records, items[1], done, open_one)
    with records() as one, records() as other:
        ((item, made),) = one.bulk_items.settled(run.id, limit=9)
        assert (item.number, [each.state for each in made]) == (1, [DocumentState.COMPLETED])
        assert made[0].segment == Segment(run.id, 1, 1, 1, done.id)
        assert other.bulk_items.settled(run.id, limit=9) == []
    with records() as work:
        work.documents.lock(open_one.id)
        work.documents.save(replace(open_one, state=DocumentState.FAILED, reason="x", page_count=3))
        work.commit()
    with records() as work:
        found = work.bulk_items.settled(run.id, limit=9)
        assert [(item.number, len(made)) for item, made in found] == [(1, 1), (2, 2)]
        assert [(each.reason, each.page_count) for each in found[1][1]] == [(None, None), ("x", 3)]
        assert len(work.bulk_items.settled(run.id, limit=1)) == 1


def test_segments_belong_to_an_item_and_a_document(records: Records) -> None:
    run = new_run()
    put_run(records, run, item := new_item(run, 1), new_item(run, 2))
    put(records, document := new_document())
    hand_out(records, item, document, document)
    with records() as work:
        found = work.bulk_items.segments(run.id, [1, 2])
        assert [(each.number, each.index, each.first_page, each.known) for each in found] == [
            (1, 1, 1, False),
            (1, 2, 21, True),
        ]
        assert work.bulk_items.segments(run.id, []) == []
        with pytest.raises(Conflict):
            work.bulk_items.add_segments([found[0]])
        for orphan in (replace(found[0], number=3), replace(found[0], index=3, document_id=new_document_id())):
            with pytest.raises(IntegrityError):
                work.bulk_items.add_segments([orphan])


def test_the_names_of_what_became_a_document_are_forgotten(records: Records) -> None:
    run, other = new_run(), new_run()
    items = [new_item(run, 1), new_item(run, 2)]
    put_run(records, run, *items)
    put_run(records, other, elsewhere := new_item(other, 1))
    put(records, document := new_document(), another := new_document())
    hand_out(records, items[0], document)
    hand_out(records, items[1], another)
    hand_out(records, elsewhere, another, document)
    with records() as work:
        assert work.bulk_items.forget_names(document.id) == 2
        assert work.bulk_items.forget_names(document.id) == 0
        work.commit()
    with records() as work:
        assert work.bulk_items.get(run.id, 1).source is None
        assert work.bulk_items.get(run.id, 2).source == b"sealed"
        assert work.bulk_items.get(other.id, 1).source is None


def test_figures_of_items(records: Records) -> None:
    run = new_run()
    put_run(
        records,
        run,
        settled_item(run, 1, 0.5, 2),
        settled_item(run, 2, 1.0, 3),
        settled_item(run, 3, 9.0, 4),
        settled_item(run, 4, 70.0, 5, state=ItemState.FAILED, code="pages_failed"),
        new_item(run, 5, ItemState.REFUSED, code="too_large", settled_at=NOON),
        new_item(run, 6, ItemState.REFUSED, code="empty_file"),
        new_item(run, 7),
    )
    put_run(records, other := new_run(), settled_item(other, 1, 3.0, 50))
    with records() as work:
        figures = work.bulk_figures
        assert figures.tallies(run.id) == [
            Tally(ItemState.DONE, None, 3, 9),
            Tally(ItemState.FAILED, "pages_failed", 1, 5),
            Tally(ItemState.REFUSED, "empty_file", 1, 0),
            Tally(ItemState.REFUSED, "too_large", 1, 0),
            Tally(ItemState.WAITING, None, 1, 0),
        ]
        assert figures.throughput(run.id, seconds=10, since=NOON - SECOND) == [
            Throughput(NOON - SECOND, 2, 5),
            Throughput(NOON + 9 * SECOND, 1, 4),
            Throughput(NOON + 69 * SECOND, 1, 5),
        ]
        assert figures.latencies(run.id, (1.0, 10.0, 60.0)) == [1, 2, 0, 1]
        assert [item.number for item in figures.slowest(run.id, 2)] == [4, 3]


def test_figures_of_pages(records: Records) -> None:
    run = new_run()
    put_run(records, run, item := new_item(run, 1), same := new_item(run, 2))
    document, foreign = new_document(), new_document()
    read = replace(new_page(document, 1, state=PageState.ACCEPTED), seconds=1.5)
    put(records, document, foreign, read, new_page(document, 2), new_page(foreign))
    hand_out(records, item, document)
    hand_out(records, same, document)
    with records() as work:
        found = work.bulk_figures.pages(run.id)
        assert {state: number for state, number in found.states.items() if number} == {
            PageState.ACCEPTED: 1,
            PageState.QUEUED: 1,
        }
        assert set(found.states) == set(PageState)
        assert found.seconds == 1.5
        assert work.bulk_figures.pages(RunId(new_document_id())).seconds == 0


def test_pages_that_wait_are_counted_by_class(records: Records) -> None:
    bulk = new_document(priority=Priority.BULK)
    put(
        records,
        new_document(priority=Priority.BULK, state=DocumentState.RECEIVED),
        new_document(priority=Priority.URGENT, state=DocumentState.RECEIVED),
        bulk,
        new_page(bulk, 1),
        new_page(bulk, 2, state=PageState.ACCEPTED),
        gone := new_document(priority=Priority.BULK, state=DocumentState.CANCELLED),
        new_page(gone),
    )
    with records() as work:
        assert work.bulk_figures.waiting_pages(Priority.BULK) == 2
        assert work.bulk_figures.waiting_pages(Priority.ROUTINE) == 0
