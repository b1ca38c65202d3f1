"""A state worth a message puts exactly one webhook into the outbox, in the transaction that brought the state."""

from __future__ import annotations

import pytest

from ocr_pipeline.domain.documents import DocumentState, RefusalReason
from ocr_pipeline.domain.errors import Conflict, Refused
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.webhooks import Webhook, WebhookEvent
from ocr_pipeline.flow.announce import announce
from tests.unit.world import CLIENT, World, image_page

ADDRESS = "https://receiver.example/hook"


def received(world: World, *, pages: int = 1, callback: str | None = ADDRESS) -> DocumentId:
    """A document that waits for intake."""
    world.opener.pages = [image_page(number) for number in range(1, pages + 1)]
    return world.receive(callback=callback).document_id


def read_pages(world: World, confidence: float) -> None:
    """Every queued page is read with this confidence."""
    for task in list(world.queue.recognition):
        world.apply(world.report_of(task, confidence))


def webhooks(world: World, document_id: DocumentId) -> list[Webhook]:
    with world.records() as uow:
        return uow.webhooks.of_document(document_id)


def test_a_completed_document_is_told_once() -> None:
    world = World()
    document_id = received(world, pages=2)
    world.admit(world.queue.intake.pop())
    assert webhooks(world, document_id) == []
    read_pages(world, 0.99)
    read_pages(world, 0.99)  # a repeated report changes nothing
    (told,) = webhooks(world, document_id)
    assert (told.event, told.client_id, told.attempts) == (WebhookEvent.COMPLETED, CLIENT, 0)
    assert told.not_before == told.created_at == world.document(document_id).updated_at


def test_review_and_completion_are_two_webhooks() -> None:
    world = World()
    document_id = received(world)
    world.admit(world.queue.intake.pop())
    read_pages(world, 0.2)
    with world.records() as uow:
        (item,) = uow.reviews.of_document(document_id)
    world.desk.claim(item.id, "kim")
    world.desk.confirm(item.id, "kim")
    told = webhooks(world, document_id)
    assert [webhook.event for webhook in told] == [WebhookEvent.NEEDS_REVIEW, WebhookEvent.COMPLETED]
    assert told[0].id != told[1].id


def test_a_refusal_is_told() -> None:
    world = World()
    document_id = received(world)
    world.opener.error = Refused(RefusalReason.MALFORMED, "broken")
    world.admit(world.queue.intake.pop())
    assert [webhook.event for webhook in webhooks(world, document_id)] == [WebhookEvent.REJECTED]


def test_a_cancelled_document_is_told_once() -> None:
    world = World()
    document_id = received(world)
    world.cancel(document_id, actor="kim")
    world.cancel(document_id, actor="kim")
    assert [webhook.event for webhook in webhooks(world, document_id)] == [WebhookEvent.CANCELLED]


def test_nobody_is_told_without_a_callback() -> None:
    world = World()
    document_id = received(world, callback=None)
    world.cancel(document_id, actor="kim")
    assert webhooks(world, document_id) == []


def test_states_nobody_waits_for_are_not_told() -> None:
    silent = {state for state in DocumentState if WebhookEvent.of(state) is None}
    assert silent == {DocumentState.RECEIVED, DocumentState.QUEUED, DocumentState.PROCESSING, DocumentState.ERASED}


def test_one_change_cannot_be_told_twice() -> None:
    world = World()
    document_id = received(world)
    world.cancel(document_id, actor="kim")
    with world.records() as uow:
        document = uow.documents.lock(document_id)
        with pytest.raises(Conflict):
            announce(uow, document, at=world.clock.now())


def test_an_undone_change_tells_nobody() -> None:
    world = World()
    document_id = received(world)
    with world.records() as uow:
        document = uow.documents.lock(document_id)
        announce(uow, document, at=world.clock.now())
    assert webhooks(world, document_id) == []
    assert world.document(document_id).client_id == ClientId("hospital-a")
