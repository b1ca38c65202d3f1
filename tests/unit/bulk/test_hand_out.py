"""Handing out: each item once, only while the run may, no faster than its lane drains, whatever its file is like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ocr_pipeline.bulk.hand_out import Halt, HandOutRules
from ocr_pipeline.domain.bulk import ItemState, RunId, RunState
from ocr_pipeline.domain.documents import DocumentState, RefusalReason
from ocr_pipeline.domain.errors import (
    Conflict,
    DatabaseUnavailable,
    InputMissing,
    NotFound,
    PipelineError,
    Refused,
    StoreFull,
    StoreUnavailable,
)
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.window import Window
from tests.unit.bulk.bulk_world import BulkWorld, Files
from tests.unit.world import PNG

NIGHTLY = Window.parse("22:00-06:00", "UTC")


def pages(count: int) -> Files:
    return Files(*(PNG + bytes([65 + number]) for number in range(count)))


def test_every_item_becomes_a_document_with_its_name() -> None:
    bulk = BulkWorld(pages(5))
    run_id = bulk.started()
    assert bulk.hand_out(run_id) == (5, Halt.NOTHING_DUE)
    assert bulk.states(run_id) == ["handed_out"] * 5
    names = [bulk.world.read(document.id, actor="test").name for document in bulk.documents()]
    assert names == [f"charts/kim {number}.png" for number in range(1, 6)]
    assert {document.priority for document in bulk.documents()} == {Priority.BULK}
    assert {handed.actor for handed in bulk.handed} == {f"bulk:{run_id}"}
    assert len(bulk.world.queue.intake) == 5


def test_a_long_chart_becomes_documents_in_order() -> None:
    bulk = BulkWorld(Files(PNG + b"parts:abc"))
    run_id = bulk.started()
    bulk.hand_out(run_id)
    segments = bulk.segments(run_id, 1)
    assert [(each.index, each.first_page) for each in segments] == [(1, 1), (2, 21), (3, 41)]
    names = [bulk.world.read(each.document_id, actor="test").name for each in segments]
    assert names[1:] == ["charts/kim 1.png (from page 21)", "charts/kim 1.png (from page 41)"]


def test_equal_files_become_one_document_and_say_so() -> None:
    bulk = BulkWorld(Files(PNG + b"same", PNG + b"same"))
    run_id = bulk.started()
    bulk.hand_out(run_id)
    one, other = bulk.segments(run_id, 1, 2)
    assert one.document_id == other.document_id
    assert (one.known, other.known) == (False, True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<html>", "refused:unsupported_format"),
        (b"", "refused:empty_file"),
        (PNG + bytes(1001), "refused:too_large"),
        (Refused(RefusalReason.TOO_LARGE, "too large"), "refused:too_large"),
        (InputMissing("gone", place="kim"), "missing:input_missing"),
        (Conflict("replaced"), "failed:conflict"),
        (PipelineError("broken"), "failed:internal"),
    ],
)
def test_a_file_that_cannot_be_used_holds_nothing_up(content: Any, expected: str) -> None:
    bulk = BulkWorld(Files(content, PNG + b"good"))
    run_id = bulk.started()
    assert bulk.hand_out(run_id) == (1, Halt.NOTHING_DUE)
    assert bulk.states(run_id) == [expected, "handed_out"]
    assert len(bulk.documents()) == 1


def test_a_missing_file_is_told_as_missing() -> None:
    bulk = BulkWorld(pages(2))
    run_id = bulk.started()
    del bulk.files.contents["charts/kim 1.png"]
    bulk.hand_out(run_id)
    assert bulk.states(run_id) == ["missing:object_missing", "handed_out"]


def test_a_source_that_throttles_is_left_alone_and_asked_again_later() -> None:
    bulk = BulkWorld(pages(8), HandOutRules(group=3, max_throttled=3))
    run_id = bulk.started()
    good = dict(bulk.files.contents)
    bulk.files.contents = dict.fromkeys(good, StoreUnavailable("slow down"))
    assert bulk.hand_out(run_id) == (0, Halt.THROTTLED)
    assert len(bulk.files.fetched) == 3
    assert [item.attempts for item in bulk.items(run_id)] == [1, 1, 1, 0, 0, 0, 0, 0]
    bulk.files.contents = good
    assert bulk.hand_out(run_id) == (5, Halt.NOTHING_DUE), "those that were throttled are not due yet"
    bulk.world.clock.advance(minutes=1)
    assert bulk.hand_out(run_id) == (3, Halt.NOTHING_DUE)
    assert bulk.states(run_id) == ["handed_out"] * 8


def test_a_file_that_never_comes_is_given_up() -> None:
    bulk = BulkWorld(Files(StoreUnavailable("slow down")), HandOutRules(max_attempts=3))
    run_id = bulk.started()
    for _ in range(3):
        bulk.hand_out(run_id)
        bulk.world.clock.advance(hours=1)
    assert bulk.states(run_id) == ["failed:store_unavailable"]
    assert bulk.items(run_id)[0].attempts == 3


def test_the_lane_is_never_filled_beyond_its_target() -> None:
    bulk = BulkWorld(pages(10), HandOutRules(lane_target=4, group=3))
    run_id = bulk.started()
    assert bulk.hand_out(run_id) == (4, Halt.LANE_FULL)
    assert bulk.hand_out(run_id) == (0, Halt.LANE_FULL)
    bulk.finish_documents()
    assert bulk.hand_out(run_id) == (4, Halt.LANE_FULL)


def test_nothing_goes_out_while_the_window_is_shut() -> None:
    bulk = BulkWorld(pages(3))
    bulk.world.clock.time = datetime(2026, 3, 1, 21, 59, tzinfo=UTC)
    run_id = bulk.started(window=NIGHTLY)
    assert bulk.hand_out(run_id) == (0, Halt.WINDOW_SHUT)
    bulk.world.clock.advance(minutes=1)
    assert bulk.hand_out(run_id) == (3, Halt.NOTHING_DUE)


def test_the_window_shuts_within_a_step() -> None:
    bulk = BulkWorld(pages(9), HandOutRules(group=2))
    bulk.world.clock.time = datetime(2026, 3, 1, 5, 59, 59, tzinfo=UTC)
    run_id = bulk.started(window=NIGHTLY)
    take_in = bulk.take_in

    def slow(handed: Any) -> Any:
        bulk.world.clock.advance(seconds=0.3)
        return take_in(handed)

    bulk.take_in = slow  # type: ignore[method-assign]
    bulk.wire()
    handed_out, halt = bulk.hand_out(run_id)
    assert halt is Halt.WINDOW_SHUT
    assert 0 < handed_out < 9


def test_a_run_started_at_once_pays_no_heed_to_its_window() -> None:
    bulk = BulkWorld(pages(1))
    run_id = bulk.listed(window=NIGHTLY)
    bulk.world.clock.time = datetime(2026, 3, 1, 12, tzinfo=UTC)
    bulk.control.start(run_id, actor="cli:kim", now=True)
    assert bulk.hand_out(run_id) == (1, Halt.NOTHING_DUE)


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_pausing_and_cancelling_take_effect_within_a_step(end: str) -> None:
    bulk = BulkWorld(pages(9), HandOutRules(group=2))
    run_id = bulk.started()
    take_in = bulk.take_in

    def stopping(handed: Any) -> Any:
        if len(bulk.handed) == 2:
            getattr(bulk.control, end)(run_id, actor="cli:lee")
        return take_in(handed)

    bulk.take_in = stopping  # type: ignore[method-assign]
    bulk.wire()
    assert bulk.hand_out(run_id) == (4, Halt.NOT_RUNNING)
    assert bulk.hand_out(run_id) == (0, Halt.NOT_RUNNING)


@pytest.mark.parametrize(("left", "expected"), [(61, Priority.BULK), (59, Priority.ROUTINE), (-600, Priority.ROUTINE)])
def test_near_its_deadline_a_run_rises_a_class_and_never_two(left: int, expected: Priority) -> None:
    bulk = BulkWorld(pages(1))
    run_id = bulk.started(deadline=bulk.world.clock.now() + timedelta(minutes=left))
    bulk.hand_out(run_id)
    assert [document.priority for document in bulk.documents()] == [expected]


def test_what_fails_for_a_while_leaves_what_was_done_before_it() -> None:
    bulk = BulkWorld(pages(3))
    run_id = bulk.started()
    take_in = bulk.take_in

    def failing(handed: Any) -> Any:
        if len(bulk.handed) == 1:
            raise StoreFull("no room")
        return take_in(handed)

    bulk.take_in = failing  # type: ignore[method-assign]
    bulk.wire()
    with pytest.raises(StoreFull):
        bulk.hand_out(run_id)
    assert bulk.states(run_id) == ["handed_out", "waiting", "waiting"]


def test_a_file_that_changed_after_a_crash_stays_the_document_it_became() -> None:
    bulk = BulkWorld(pages(1))
    run_id = bulk.started()
    bulk.hand_out(run_id)
    (before,) = bulk.segments(run_id, 1)
    with bulk.world.records() as uow:  # as if the process had died before it recorded
        item = bulk.items(run_id)[0]
        uow.bulk_items.save(type(item)(run_id, 1, ItemState.WAITING, item.source, item.fingerprint))
        uow._current.bulk_segments.drop(lambda _: True)
        uow.commit()
    bulk.files.contents["charts/kim 1.png"] = PNG + b"another scan"
    bulk.hand_out(run_id)
    (after,) = bulk.segments(run_id, 1)
    assert after.document_id == before.document_id
    assert len(bulk.documents()) == 1


def test_a_step_settles_what_has_ended_and_finishes_the_run() -> None:
    bulk = BulkWorld(Files(PNG + b"parts:ab", PNG + b"c", b"<html>"))
    run_id = bulk.started()
    assert bulk.step.step(run_id).handed_out == 2
    first = [each.document_id for each in bulk.segments(run_id, 1)]
    bulk.finish_documents(only=first[:1])
    assert bulk.step.step(run_id).settled == 0
    bulk.finish_documents(only=first)
    assert bulk.step.step(run_id).settled == 1
    bulk.finish_documents(DocumentState.NEEDS_REVIEW)
    assert [each.settled for each in bulk.step()] == [1]
    assert bulk.states(run_id) == ["done", "done", "refused:unsupported_format"]
    assert [item.pages for item in bulk.items(run_id)] == [4, 2, None]
    assert bulk.run(run_id).state is RunState.FINISHED
    assert bulk.step() == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (DocumentState.REJECTED, "refused:rejected"),
        (DocumentState.FAILED, "failed:pages_failed"),
        (DocumentState.CANCELLED, "failed:cancelled"),
    ],
)
def test_an_item_is_what_the_worst_of_its_documents_is(state: DocumentState, expected: str) -> None:
    bulk = BulkWorld(Files(PNG + b"parts:ab"))
    run_id = bulk.started()
    bulk.hand_out(run_id)
    bulk.finish_documents(only=[bulk.segments(run_id, 1)[0].document_id])
    bulk.finish_documents(state)
    bulk.settle(run_id)
    assert bulk.states(run_id) == [expected]


def test_a_cancelled_run_is_followed_to_the_end_of_what_went_out() -> None:
    bulk = BulkWorld(pages(3), HandOutRules(lane_target=2))
    run_id = bulk.started()
    bulk.step()
    bulk.control.cancel(run_id, actor="cli:kim")
    bulk.finish_documents()
    bulk.step()
    assert bulk.states(run_id) == ["done", "done", "waiting"]
    assert bulk.run(run_id).state is RunState.CANCELLED
    with pytest.raises(Conflict):
        bulk.control.start(run_id, actor="cli:kim")


def test_a_run_that_fails_holds_no_other_up() -> None:
    broken, good = BulkWorld(pages(1)), BulkWorld(pages(1))
    good.world = broken.world
    good.__post_init__()
    late = broken.world.clock.now() + timedelta(days=1)
    first = broken.listed(deadline=late)
    second = good.started()
    broken.control.start(first, actor="cli:kim")
    take_in = good.take_in

    def failing(handed: Any) -> Any:
        if str(first) in handed.actor:
            raise DatabaseUnavailable("away")
        return take_in(handed)

    good.take_in = failing  # type: ignore[method-assign]
    good.wire()
    stepped = {each.run_id: each for each in good.step()}
    assert list(stepped) == [first, second], "the nearest deadline goes first"
    assert stepped[first].error == "database_unavailable"
    assert stepped[second].handed_out == 1


def test_an_unknown_run_is_not_found() -> None:
    bulk = BulkWorld(pages(0))
    unknown = RunId(bulk.world.ids.new())
    for ask in (bulk.hand_out, bulk.report, lambda run: bulk.control.pause(run, actor="cli:kim")):
        with pytest.raises(NotFound):
            ask(unknown)


def test_erasing_a_document_takes_the_name_of_its_item_along() -> None:
    bulk = BulkWorld(pages(2))
    run_id = bulk.started()
    bulk.hand_out(run_id)
    bulk.finish_documents()
    bulk.settle(run_id)
    (segment,) = bulk.segments(run_id, 1)
    bulk.world.erase(segment.document_id, actor="cli:kim")
    assert [item.source is None for item in bulk.items(run_id)] == [True, False]


@pytest.mark.parametrize("end", ["pause", "cancel"])
def test_a_run_that_is_stopped_is_so_whatever_its_window_says(end: str) -> None:
    bulk = BulkWorld(pages(1))
    bulk.world.clock.time = datetime(2026, 3, 1, 12, tzinfo=UTC)
    run_id = bulk.started(window=NIGHTLY)
    getattr(bulk.control, end)(run_id, actor="cli:lee")
    assert bulk.hand_out(run_id) == (0, Halt.NOT_RUNNING)


def test_starting_a_finished_run_changes_nothing() -> None:
    bulk = BulkWorld(Files(b"<html>"))
    run_id = bulk.started()
    bulk.hand_out(run_id)
    bulk.settle(run_id)
    before = bulk.run(run_id)
    assert bulk.control.start(run_id, actor="cli:lee", now=True) == before
    assert before.state is RunState.FINISHED
