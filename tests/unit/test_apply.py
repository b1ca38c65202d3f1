from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import EngineTimeout, EngineUnavailable, PageUnreadable
from ocr_pipeline.domain.messages import PageFailed, PageRedelivered
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.results.apply import Applied
from tests.unit.world import World, page_text


def test_a_good_page_completes_its_document() -> None:
    world = World()
    document_id = world.queued()
    assert world.apply(world.report_of(world.queue.recognition.pop())) is Applied.SETTLED
    assert world.states(document_id) == [PageState.ACCEPTED]
    assert world.document(document_id).state is DocumentState.COMPLETED
    assert world.read(document_id, actor="test").pages[0].text == "hello"


def test_a_document_is_completed_only_with_its_last_page() -> None:
    world = World()
    document_id = world.queued(pages=3)
    tasks = world.queue.recognition
    for task in tasks[:2]:
        world.apply(world.report_of(task))
        assert world.document(document_id).state is DocumentState.PROCESSING
    world.apply(world.report_of(tasks[2]))
    assert world.document(document_id).state is DocumentState.COMPLETED


@pytest.mark.parametrize("review", [True, False])
def test_a_doubtful_page_is_never_passed_off_as_done(review: bool) -> None:
    world = World(review=review)
    document_id = world.queued()
    world.apply(world.report_of(world.queue.recognition.pop(), confidence=0.84))
    if review:
        assert world.document(document_id).state is DocumentState.NEEDS_REVIEW
        assert [item.reasons for item in world.desk.waiting()] == [("low_confidence",)]
    else:
        assert world.document(document_id).state is DocumentState.FAILED


def test_a_blank_page_says_so() -> None:
    world = World()
    document_id = world.queued()
    world.engine.page = page_text(confidence=0.0, ink=0.0)
    world.apply(world.recognise(world.queue.recognition.pop()))
    assert world.states(document_id) == [PageState.BLANK]
    assert world.document(document_id).state is DocumentState.COMPLETED


def test_a_report_that_comes_again_changes_nothing() -> None:
    world = World()
    document_id = world.queued()
    report = world.report_of(world.queue.recognition.pop())
    world.apply(report)
    audit = world.audit(document_id)
    for again in (report, replace(report, confidence=0.1), PageRedelivered(report.page, 1, 1)):
        assert world.apply(again) is Applied.DUPLICATE
    assert world.audit(document_id) == audit


def test_failures_are_retried_later_and_hotter_then_go_to_a_person() -> None:
    world = World(max_attempts=3)
    document_id = world.queued()
    world.engine.error = EngineTimeout("slow")
    for attempt in (1, 2, 3):
        task = world.queue.recognition.pop()
        assert task.attempt == attempt
        world.apply(world.recognise(task))
        assert world.queue.recognition == []
        world.reconcile()
        assert world.queue.recognition == []
        world.clock.advance(minutes=10)
        world.reconcile()
    page = world.page(document_id)
    assert page.state is PageState.IN_REVIEW
    assert page.reasons == ("attempts_exhausted", "engine_timeout")
    assert world.audit(document_id).count(AuditKind.PAGE_RETRY) == 2


def test_a_result_of_an_attempt_given_up_is_not_applied() -> None:
    world = World()
    document_id = world.queued()
    task = world.queue.recognition.pop()
    late = world.report_of(task)
    world.apply(PageFailed(task.page, 1, task.dispatch, Failure("engine_timeout", True, True)))
    assert world.apply(late) is Applied.DUPLICATE
    assert world.states(document_id) == [PageState.QUEUED]


def test_what_trying_cannot_mend_goes_to_a_person_at_once() -> None:
    world = World()
    document_id = world.queued()
    world.engine.error = PageUnreadable("not an image")
    world.apply(world.recognise(world.queue.recognition.pop()))
    assert world.page(document_id).reasons == ("page_unreadable",)


def test_an_outage_of_the_engine_costs_no_attempt() -> None:
    world = World(max_attempts=1)
    document_id = world.queued()
    for _outage in range(10):
        task = world.queue.recognition.pop()
        world.engine.error = EngineUnavailable("down")
        world.apply(world.recognise(task))
        world.clock.advance(minutes=1)
        world.reconcile()
    world.apply(world.report_of(world.queue.recognition.pop()))
    assert world.page(document_id).attempt == 1
    assert world.document(document_id).state is DocumentState.COMPLETED


def test_redeliveries_are_suspicions_then_quarantine_then_a_person() -> None:
    world = World(max_suspicions=2)
    document_id = world.queued()
    task = world.queue.recognition.pop()
    assert world.apply(PageRedelivered(task.page, task.attempt, task.dispatch)) is Applied.SUSPECTED
    assert world.apply(PageRedelivered(task.page, task.attempt, task.dispatch)) is Applied.DUPLICATE
    task = world.queue.recognition.pop()
    world.apply(PageRedelivered(task.page, task.attempt, task.dispatch))
    assert world.queue.recognition == []
    alone = world.queue.quarantine.pop()
    assert alone.attempt == 1
    world.apply(PageRedelivered(alone.page, alone.attempt, alone.dispatch))
    assert world.page(document_id).reasons == ("kills_worker",)


def test_an_innocent_page_in_quarantine_is_read_there() -> None:
    world = World(max_suspicions=1)
    document_id = world.queued()
    task = world.queue.recognition.pop()
    world.apply(PageRedelivered(task.page, task.attempt, task.dispatch))
    world.apply(world.report_of(world.queue.quarantine.pop()))
    assert world.document(document_id).state is DocumentState.COMPLETED


def test_a_wiped_broker_is_rebuilt_from_the_records() -> None:
    world = World()
    document_id = world.queued(pages=3)
    world.apply(world.report_of(world.queue.recognition[0]))
    world.queue.recognition.clear()
    assert world.reconcile().pages == 0
    assert world.reconcile(lost_broker=True).pages == 2
    for task in world.queue.recognition:
        world.apply(world.report_of(task))
    assert world.document(document_id).state is DocumentState.COMPLETED
    assert world.audit(document_id).count(AuditKind.PAGE_ACCEPTED) == 3
    assert world.audit(document_id).count(AuditKind.PAGE_REQUEUED) == 2


def test_a_page_lost_on_the_way_is_found_when_it_stalls() -> None:
    world = World()
    world.queued()
    world.queue.recognition.clear()
    world.clock.advance(minutes=29)
    assert world.reconcile().pages == 0
    world.clock.advance(minutes=2)
    assert world.reconcile().pages == 1


def test_a_broker_that_fails_again_ends_the_sweep_without_loss() -> None:
    world = World()
    document_id = world.queued(pages=3)
    world.queue.recognition.clear()
    world.queue.down = True
    swept = world.reconcile(lost_broker=True)
    assert not swept.complete
    world.queue.down = False
    assert world.reconcile().pages == 3
    assert world.states(document_id) == [PageState.QUEUED] * 3


def test_a_report_on_an_unknown_page_is_dropped() -> None:
    world, other = World(), World()
    other.queued()
    assert world.apply(other.report_of(other.queue.recognition.pop())) is Applied.UNKNOWN
