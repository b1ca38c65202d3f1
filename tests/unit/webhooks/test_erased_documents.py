"""Webhooks of documents that are erased: none goes out after the erasure, and none is tried for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.operations.notify import Notified
from tests.unit.webhooks.outbox import ADDRESS, FakeSender, cancelled, outbox, sweep_of
from tests.unit.world import World


def assert_silent(world: World, document_id: DocumentId, attempts: int = 0) -> None:
    """It was given up, its log says why, and nothing is sent however long one waits."""
    webhook, log = outbox(world, document_id)
    assert webhook.abandoned_at is not None
    assert webhook.delivered_at is None
    assert webhook.attempts == attempts
    assert [delivery.error for delivery in log].count("document_erased") == 1
    sender = FakeSender()
    for _ in range(12):
        world.clock.advance(days=2)
        assert sweep_of(world, sender)() == Notified()
    assert sender.sent == []


def test_erasing_gives_up_what_was_to_be_sent() -> None:
    world = World()
    document_id = cancelled(world)
    world.erase(document_id, actor="kim")
    assert_silent(world, document_id)


def test_erasing_gives_up_what_waits_for_its_next_try() -> None:
    world = World()
    document_id = cancelled(world)
    assert sweep_of(world, FakeSender(lambda _: 500))() == Notified(failed=1)
    world.erase(document_id, actor="kim")
    assert_silent(world, document_id, attempts=1)


def test_erasing_gives_up_what_a_sender_has_claimed() -> None:
    world, sender = World(), FakeSender()
    first, second = cancelled(world, content=b"one"), cancelled(world, content=b"two")

    def answer(_: str) -> int:
        world.erase(second, actor="kim")
        return 204

    sender.answer = answer
    assert sweep_of(world, sender)() == Notified(delivered=1)
    assert outbox(world, first)[0].delivered_at is not None
    assert_silent(world, second)


def test_a_document_erased_while_its_key_was_fetched_is_told_of_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    world, sender = World(), FakeSender()
    document_id = cancelled(world)
    unwrap = world.keys.unwrap

    def slow(*arguments: Any) -> bytes:
        world.erase(document_id, actor="kim")
        return unwrap(*arguments)

    with monkeypatch.context() as erased_meanwhile:
        erased_meanwhile.setattr(world.keys, "unwrap", slow)
        assert sweep_of(world, sender)() == Notified()
    assert sender.sent == []
    assert_silent(world, document_id)


@pytest.mark.parametrize("status", [500, 204])
def test_what_was_on_its_way_when_its_document_was_erased_is_not_tried_again(status: int) -> None:
    world, sender = World(), FakeSender()
    document_id = cancelled(world)

    def answer(_: str) -> int:
        world.erase(document_id, actor="kim")
        return status

    sender.answer = answer
    sweep_of(world, sender)()
    assert [delivery.status for delivery in outbox(world, document_id)[1]] == [status, None]
    assert_silent(world, document_id)


def test_what_arrived_before_stays_told_as_arrived() -> None:
    world = World()
    document_id = cancelled(world)
    assert sweep_of(world, FakeSender())() == Notified(delivered=1)
    world.erase(document_id, actor="kim")
    webhook, log = outbox(world, document_id)
    assert webhook.delivered_at is not None
    assert webhook.abandoned_at is None
    assert [delivery.error for delivery in log] == [None]


def test_what_an_earlier_release_left_open_is_given_up_unsent() -> None:
    world, sender = World(), FakeSender()
    document_id = cancelled(world, ADDRESS)
    with world.records() as uow:
        document = uow.documents.lock(document_id)
        cleared = replace(document, state=DocumentState.ERASED, key=None, name=None, reference=None, callback=None)
        uow.documents.save(cleared)
        uow.commit()
    assert sweep_of(world, sender)() == Notified(abandoned=1)
    assert sender.sent == []
    assert_silent(world, document_id)
