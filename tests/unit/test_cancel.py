from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import UUID

import pytest

from ocr_pipeline.domain.audit import AuditEvent, AuditKind
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import Conflict, EngineTimeout, EngineUnavailable, NotFound
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.messages import PageFailed, PageRedelivered, Report
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.domain.review import Resolution
from ocr_pipeline.domain.webhooks import WebhookEvent
from ocr_pipeline.operations.reconcile import Reconciled
from ocr_pipeline.results.apply import Applied
from tests.unit.world import World


def events(world: World, document_id: DocumentId) -> list[AuditEvent]:
    with world.records() as uow:
        return list(uow.audit.events(document_id))


def rows(world: World, document_id: DocumentId) -> tuple[Document, list[Page], list[AuditEvent]]:
    with world.records() as uow:
        pages = uow.pages.of_document(document_id)
    return world.document(document_id), pages, events(world, document_id)


def test_a_cancelled_document_says_who_cancelled_it() -> None:
    world = World()
    document_id = world.queued(pages=2)
    assert world.cancel(document_id, actor="dr-kim")
    document = world.document(document_id)
    assert document.state is DocumentState.CANCELLED
    assert document.updated_at > document.received_at
    assert world.audit(document_id)[-2:] == [AuditKind.DOCUMENT_CANCELLED, AuditKind.DOCUMENT_STATE]
    cancelled, moved = events(world, document_id)[-2:]
    assert {cancelled.entry.actor, moved.entry.actor} == {"dr-kim"}
    assert dict(moved.entry.details) == {"from": "queued", "to": "cancelled"}


def test_cancelling_again_is_no_error_and_no_event() -> None:
    world = World()
    document_id = world.queued()
    world.cancel(document_id, actor="first")
    before = rows(world, document_id)
    assert not world.cancel(document_id, actor="second")
    assert rows(world, document_id) == before


@pytest.mark.parametrize("state", [state for state in DocumentState if state is not DocumentState.CANCELLED])
def test_only_what_is_not_settled_can_be_cancelled(state: DocumentState) -> None:
    world = World()
    document_id = world.queued()
    with world.records() as uow:
        document = uow.documents.lock(document_id)
        uow.documents.save(replace(document, state=state))
        uow.commit()
    before = rows(world, document_id)
    if state in {
        DocumentState.RECEIVED,
        DocumentState.QUEUED,
        DocumentState.PROCESSING,
        DocumentState.NEEDS_REVIEW,
    }:
        assert world.cancel(document_id, actor="test")
    else:
        with pytest.raises(Conflict, match=f"is {state.value} cannot become cancelled"):
            world.cancel(document_id, actor="test")
        assert rows(world, document_id) == before


def test_a_document_that_never_was_is_not_found() -> None:
    with pytest.raises(NotFound):
        World().cancel(DocumentId(UUID(int=1)), actor="test")


def test_open_reviews_are_withdrawn_also_from_who_holds_them() -> None:
    world = World()
    document_id = world.queued(pages=3)
    for task in world.queue.recognition:
        world.apply(world.report_of(task, confidence=0.5))
    done, held, _open = (item.id for item in world.desk.waiting())
    world.desk.claim(done, "kim")
    world.desk.correct(done, "kim", "hallo")
    world.desk.claim(held, "lee")
    world.cancel(document_id, actor="test")
    assert world.desk.waiting() == []
    with world.records() as uow:
        items = uow.reviews.of_document(document_id)
    assert [item.resolution for item in items] == [Resolution.CORRECTED] + [Resolution.WITHDRAWN] * 2
    assert [item.resolved_by for item in items] == ["kim", "test", "test"]
    assert all(item.lease is None and item.resolved_at is not None for item in items)
    assert dict(events(world, document_id)[-2].entry.details) == {"withdrawn_reviews": 2}
    with pytest.raises(Conflict, match="resolved already"):
        world.desk.confirm(held, "lee")
    assert world.document(document_id).state is DocumentState.CANCELLED


def test_what_was_read_stays_and_can_be_read() -> None:
    world = World()
    document_id = world.queued(pages=2)
    world.apply(world.report_of(world.queue.recognition[0]))
    world.cancel(document_id, actor="test")
    assert world.states(document_id) == [PageState.ACCEPTED, PageState.QUEUED]
    assert [page.text for page in world.read(document_id, actor="test").pages] == ["hello", ""]


@pytest.mark.parametrize("late", ["read", "doubtful", "failed", "outage", "redelivered"])
@pytest.mark.parametrize("pages", [1, 2])
def test_a_late_report_changes_nothing(late: str, pages: int) -> None:
    world = World()
    document_id = world.queued(pages)
    task = world.queue.recognition[0]
    address = (task.page, task.attempt, task.dispatch)
    report: Report
    match late:
        case "read":
            report = world.report_of(task)
        case "doubtful":
            report = world.report_of(task, confidence=0.5)
        case "failed":
            report = PageFailed(*address, Failure.of(EngineTimeout("slow")))
        case "outage":
            report = PageFailed(*address, Failure.of(EngineUnavailable("down")))
        case _:
            report = PageRedelivered(*address)
    world.cancel(document_id, actor="test")
    world.queue.recognition.clear()
    before = rows(world, document_id)
    assert world.apply(report) is Applied.DUPLICATE
    assert rows(world, document_id) == before
    assert world.desk.waiting() == []
    assert world.queue.recognition == world.queue.quarantine == []


def test_a_document_cancelled_before_intake_is_never_opened() -> None:
    world = World()
    document_id = world.upload().document_id
    world.cancel(document_id, actor="test")
    before = rows(world, document_id)
    world.admit(world.queue.intake.pop())
    assert world.opener.opened == 0
    assert rows(world, document_id) == before
    assert world.queue.recognition == []


def test_a_document_cancelled_while_it_is_opened_gets_no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    document_id = world.upload().document_id
    keep = world.store.put

    def cancel_and_put(key: str, data: bytes, *, if_absent: bool = False) -> None:
        world.cancel(document_id, actor="test")
        keep(key, data, if_absent=if_absent)

    monkeypatch.setattr(world.store, "put", cancel_and_put)
    world.admit(world.queue.intake.pop())
    assert world.document(document_id).state is DocumentState.CANCELLED
    assert world.states(document_id) == []
    assert world.queue.recognition == []


@pytest.mark.parametrize("lost_broker", [True, False])
def test_a_sweep_sends_nothing_of_a_cancelled_document(lost_broker: bool) -> None:
    world = World()
    received, queued = world.upload(b"%PDF-1.7").document_id, world.queued(pages=2)
    task = world.queue.recognition[0]
    world.apply(PageFailed(task.page, task.attempt, task.dispatch, Failure.of(EngineTimeout("slow"))))
    for document_id in (received, queued):
        world.cancel(document_id, actor="test")
    world.clock.advance(days=1)
    assert world.reconcile(lost_broker=lost_broker) == Reconciled()


def test_of_several_who_cancel_at_once_one_does() -> None:
    world, ready = World(), threading.Barrier(6)
    document_id = world.queued()

    def cancel(number: int) -> bool:
        ready.wait(timeout=120)
        return world.cancel(document_id, actor=f"client {number}")

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(cancel, range(6))) == 1
    assert world.audit(document_id).count(AuditKind.DOCUMENT_CANCELLED) == 1


def test_a_client_that_wants_to_be_told_is_told_once() -> None:
    world = World()
    told = world.receive(callback="https://clinic.example/hook").document_id
    for _ in range(2):
        world.cancel(told, actor="test")
    with world.records() as uow:
        assert [webhook.event for webhook in uow.webhooks.of_document(told)] == [WebhookEvent.CANCELLED]
