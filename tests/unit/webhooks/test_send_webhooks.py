"""A sweep over the outbox: what is sent, what is tried again, and what is given up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from ocr_pipeline.domain.errors import KeyUnavailable
from ocr_pipeline.domain.webhooks import DELAYS
from ocr_pipeline.operations.notify import Notified
from tests.unit.webhooks.outbox import ADDRESS, TIMEOUT, FakeSender, cancelled, fails, outbox, sweep_of
from tests.unit.world import CLIENT, World


def test_a_delivered_message_holds_ids_only_and_is_never_sent_again() -> None:
    world, sender = World(), FakeSender()
    document_id = cancelled(world)
    sweep = sweep_of(world, sender)
    assert sweep() == Notified(delivered=1)
    assert sweep() == Notified()
    ((address, _, body),) = sender.sent
    webhook, (delivery,) = outbox(world, document_id)
    assert address == ADDRESS
    assert json.loads(body) == {
        "type": "document.cancelled",
        "timestamp": webhook.created_at.isoformat().replace("+00:00", "Z"),
        "data": {"document_id": str(document_id), "state": "cancelled", "pages": {}},
    }
    assert b" " not in body
    assert webhook.delivered_at is not None
    assert (delivery.attempt, delivery.status, delivery.error) == (1, 204, None)


def test_the_pages_are_counted_by_state() -> None:
    world, sender = World(), FakeSender()
    document_id = world.receive(callback=ADDRESS).document_id
    world.admit(world.queue.intake.pop())
    world.apply(world.report_of(world.queue.recognition.pop()))
    assert sweep_of(world, sender)() == Notified(delivered=1)
    data = json.loads(sender.sent[0][2])["data"]
    assert data == {"document_id": str(document_id), "state": "completed", "pages": {"accepted": 1}}


def test_the_signature_verifies_with_the_clients_secret_and_with_no_other() -> None:
    world, sender = World(), FakeSender()
    world.clock.time = datetime.now(UTC)
    cancelled(world)
    sweep_of(world, sender)()
    ((_, headers, body),) = sender.sent
    Verifier(world.vault.secret(CLIENT, "webhook")).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(world.vault.secret(CLIENT, "another")).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(world.vault.secret(CLIENT, "webhook")).verify(body + b" ", headers)


@pytest.mark.parametrize("status", [500, 429, 302, 400])
def test_a_failed_try_is_repeated_later_under_the_same_id(status: int) -> None:
    world, sender = World(), FakeSender(lambda _: status)
    document_id = cancelled(world)
    sweep = sweep_of(world, sender)
    assert sweep() == Notified(failed=1)
    assert sweep() == Notified()
    webhook, (delivery,) = outbox(world, document_id)
    assert (webhook.attempts, delivery.status) == (1, status)
    waits = webhook.not_before - world.clock.time
    assert DELAYS[0] - timedelta(seconds=0.1) <= waits <= DELAYS[0] * 1.1
    world.clock.advance(seconds=6)
    sender.answer = lambda _: 200
    assert sweep() == Notified(delivered=1)
    first, second = (headers for _, headers, _ in sender.sent)
    assert first["webhook-id"] == second["webhook-id"] == str(webhook.id)
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert [delivery.attempt for delivery in outbox(world, document_id)[1]] == [1, 2]


def test_what_prevented_a_try_is_logged_by_its_code() -> None:
    world = World()
    document_id = cancelled(world)
    assert sweep_of(world, FakeSender(fails("tls")))() == Notified(failed=1)
    _, (delivery,) = outbox(world, document_id)
    assert (delivery.status, delivery.error) == (None, "tls")


def test_a_receiver_that_is_gone_is_not_asked_again() -> None:
    world = World()
    document_id = cancelled(world)
    assert sweep_of(world, FakeSender(lambda _: 410))() == Notified(abandoned=1)
    webhook, (delivery,) = outbox(world, document_id)
    assert webhook.abandoned_at is not None
    assert delivery.status == 410


def test_after_the_last_wait_a_webhook_is_abandoned() -> None:
    world, sender = World(), FakeSender(lambda _: 503)
    document_id = cancelled(world)
    sweep = sweep_of(world, sender)
    for _ in DELAYS:
        assert sweep() == Notified(failed=1)
        world.clock.advance(days=2)
    assert sweep() == Notified(abandoned=1)
    world.clock.advance(days=9)
    assert sweep() == Notified()
    assert outbox(world, document_id)[0].attempts == len(sender.sent) == len(DELAYS) + 1


def test_a_callback_that_cannot_be_opened_is_abandoned_unsent() -> None:
    world, sender = World(), FakeSender()
    document_id = cancelled(world)
    with world.records() as uow:
        uow.documents.save(replace(uow.documents.lock(document_id), callback=b"damaged" * 10))
        uow.commit()
    assert sweep_of(world, sender)() == Notified(abandoned=1)
    assert sender.sent == []
    assert outbox(world, document_id)[1][0].error == "decryption_failed"


def test_an_outage_of_the_keys_costs_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    world, sender = World(), FakeSender()
    document_id = cancelled(world)
    sweep = sweep_of(world, sender)

    def down(*_: object) -> bytes:
        raise KeyUnavailable("down")

    with monkeypatch.context() as outage:
        outage.setattr(world.keys, "unwrap", down)
        with pytest.raises(KeyUnavailable):
            sweep()
    assert outbox(world, document_id)[0].attempts == 0
    world.clock.advance(seconds=2 * TIMEOUT.total_seconds() + 1)
    assert sweep() == Notified(delivered=1)


def test_a_silent_receiver_is_waited_for_once_a_sweep() -> None:
    world, sender = World(), FakeSender(fails("timeout"))
    documents = [cancelled(world, f"https://slow.example/{n}", content=bytes([n])) for n in range(4)]
    assert sweep_of(world, sender)() == Notified(failed=1)
    assert len(sender.sent) == 1
    assert sum(outbox(world, document_id)[0].attempts for document_id in documents) == 1
    world.clock.advance(seconds=6)
    sender.answer = lambda _: 200
    assert sweep_of(world, sender)() == Notified(delivered=4)
