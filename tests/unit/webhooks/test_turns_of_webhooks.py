"""Who sends what, and when: one document's messages in order, each by one sender, and nobody held up by others."""

from __future__ import annotations

import json
import threading

import pytest

from ocr_pipeline.domain.errors import DatabaseUnavailable, DeliveryFailed, KeyUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.operations.notify import Notified
from tests.unit.webhooks.outbox import ADDRESS, TIMEOUT, FakeSender, cancelled, fails, outbox, sweep_of
from tests.unit.world import World

OTHER = ClientId("clinic-b")
LEASE = 2 * TIMEOUT.total_seconds()


def in_review(world: World) -> DocumentId:
    """A document with a webhook that says it needs review."""
    document_id = world.receive(callback=ADDRESS).document_id
    world.admit(world.queue.intake.pop())
    world.apply(world.report_of(world.queue.recognition.pop(), 0.2))
    return document_id


def confirm(world: World, document_id: DocumentId) -> None:
    """Review it, which puts a second webhook into the outbox."""
    with world.records() as uow:
        (item,) = uow.reviews.of_document(document_id)
    world.desk.claim(item.id, "kim")
    world.desk.confirm(item.id, "kim")


def events(sender: FakeSender) -> list[str]:
    return [json.loads(body)["type"] for _, _, body in sender.sent]


# Order within a document


def test_the_messages_of_a_document_go_out_in_order() -> None:
    world, sender = World(), FakeSender()
    confirm(world, in_review(world))
    assert sweep_of(world, sender, threads=8)() == Notified(delivered=2)
    assert events(sender) == ["document.needs_review", "document.completed"]


def test_a_message_waits_for_an_earlier_one_that_failed() -> None:
    world, sender = World(), FakeSender(lambda _: 500)
    document_id = in_review(world)
    sweep = sweep_of(world, sender, threads=8)
    assert sweep() == Notified(failed=1)
    confirm(world, document_id)
    assert sweep() == Notified()
    with world.records() as uow:
        first, second = uow.webhooks.of_document(document_id)
        assert uow.webhooks.deliveries(second.id) == []
    assert second.not_before == first.not_before
    sender.answer = lambda _: 200
    world.clock.advance(seconds=6)
    assert sweep() == Notified(delivered=2)
    assert events(sender) == ["document.needs_review", "document.needs_review", "document.completed"]


def test_a_message_waits_for_an_earlier_one_that_failed_in_the_same_sweep() -> None:
    world, sender = World(), FakeSender(lambda _: 500)
    confirm(world, in_review(world))
    assert sweep_of(world, sender, threads=8)() == Notified(failed=1)
    assert events(sender) == ["document.needs_review"]


def test_a_message_goes_out_once_the_earlier_one_is_given_up() -> None:
    world = World()
    answers = [410, 200]
    sender = FakeSender(lambda _: answers.pop(0))
    confirm(world, in_review(world))
    assert sweep_of(world, sender)() == Notified(delivered=1, abandoned=1)
    assert events(sender) == ["document.needs_review", "document.completed"]


def test_a_message_does_not_overtake_one_that_another_sender_has_in_hand() -> None:
    world, inner = World(), FakeSender()
    document_id = in_review(world)

    def answer(_: str) -> int:
        confirm(world, document_id)
        assert sweep_of(world, inner)() == Notified()
        return 200

    sender = FakeSender(answer)
    assert sweep_of(world, sender)() == Notified(delivered=1)
    assert inner.sent == []
    sender.answer = lambda _: 200
    world.clock.advance(seconds=LEASE + 1)
    assert sweep_of(world, sender)() == Notified(delivered=1)
    assert events(sender) == ["document.needs_review", "document.completed"]


# Leases


def test_two_sweeps_at_once_send_each_webhook_once() -> None:
    world, inner = World(), FakeSender()

    def answer(_: str) -> int:
        assert sweep_of(world, inner)() == Notified()
        return 200

    cancelled(world)
    assert sweep_of(world, FakeSender(answer))() == Notified(delivered=1)
    assert inner.sent == []


def test_a_webhook_whose_sender_died_is_sent_when_its_lease_ends() -> None:
    world, sender = World(), FakeSender()
    document_id = cancelled(world)

    def die(_: str) -> int:
        raise SystemError

    with pytest.raises(SystemError):
        sweep_of(world, FakeSender(die))()
    world.clock.advance(seconds=LEASE - 1)
    assert sweep_of(world, sender)() == Notified()
    world.clock.advance(seconds=2)
    assert sweep_of(world, sender)() == Notified(delivered=1)
    assert outbox(world, document_id)[0].attempts == 1


def test_a_lease_is_made_new_when_a_try_begins() -> None:
    world, inner = World(), FakeSender()
    first = True

    def answer(_: str) -> int:
        nonlocal first
        world.clock.advance(seconds=LEASE - 1)
        if not first:
            assert sweep_of(world, inner)() == Notified()
        first = False
        return 200

    cancelled(world, content=b"one")
    cancelled(world, content=b"two")
    assert sweep_of(world, FakeSender(answer))() == Notified(delivered=2)
    assert inner.sent == []


def test_what_has_waited_past_its_lease_is_left_alone() -> None:
    world = World()

    def answer(_: str) -> int:
        world.clock.advance(seconds=LEASE + 1)
        return 200

    documents = [cancelled(world, content=bytes([number])) for number in range(3)]
    sender = FakeSender(answer)
    assert sweep_of(world, sender)() == Notified(delivered=1)
    assert len(sender.sent) == 1
    sender.answer = lambda _: 200
    assert sweep_of(world, sender)() == Notified(delivered=2)
    assert all(outbox(world, document_id)[0].attempts == 1 for document_id in documents)


@pytest.mark.parametrize("late", [200, 500])
def test_who_was_slower_than_its_lease_undoes_nothing(late: int) -> None:
    world = World()
    document_id = cancelled(world)

    def answer(_: str) -> int:
        world.clock.advance(seconds=LEASE + 1)
        assert sweep_of(world, FakeSender())() == Notified(delivered=1)
        return late

    sweep_of(world, FakeSender(answer))()
    webhook, deliveries = outbox(world, document_id)
    assert webhook.delivered_at is not None
    assert {delivery.status for delivery in deliveries} == {204, late}
    assert len(deliveries) == 2
    assert sweep_of(world, FakeSender())() == Notified()


def test_what_another_sender_has_taken_over_is_not_sent_as_well() -> None:
    world, inner = World(), FakeSender(lambda _: 500)

    def answer(_: str) -> int:
        world.clock.advance(seconds=LEASE + 1)
        assert sweep_of(world, inner)() == Notified(failed=2)
        return 200

    cancelled(world, content=b"one")
    cancelled(world, content=b"two")
    sender = FakeSender(answer)
    assert sweep_of(world, sender)() == Notified(delivered=1)
    assert len(sender.sent) == 1


def test_an_arrival_counts_however_late_it_is_known() -> None:
    world = World()
    document_id = cancelled(world)

    def answer(_: str) -> int:
        world.clock.advance(seconds=LEASE + 1)
        assert sweep_of(world, FakeSender(lambda _: 500))() == Notified(failed=1)
        return 200

    assert sweep_of(world, FakeSender(answer))() == Notified(delivered=1)
    assert outbox(world, document_id)[0].delivered_at is not None


# Fairness


def test_a_client_whose_receivers_hang_does_not_hold_up_another() -> None:
    world = World()
    others_done = threading.Event()
    delivered: list[str] = []

    def answer(address: str) -> int:
        if "slow" in address:
            assert others_done.wait(120)
            raise DeliveryFailed("not delivered", cause="timeout")
        delivered.append(address)
        if len(delivered) == 3:
            others_done.set()
        return 200

    for number in range(20):
        cancelled(world, f"https://slow-{number}.example/", content=bytes([number]))
    for number in range(3):
        cancelled(world, f"https://fast.example/{number}", content=bytes([number]), client_id=OTHER)
    assert sweep_of(world, FakeSender(answer), threads=4)() == Notified(delivered=3, failed=20)


def test_what_falls_due_while_receivers_hang_is_sent_meanwhile() -> None:
    world = World()
    late_done = threading.Event()

    def answer(address: str) -> int:
        if address.endswith("/first"):
            cancelled(world, "https://late.example/", content=b"late", client_id=OTHER)
        if "slow" in address:
            assert late_done.wait(120)
        else:
            late_done.set()
        return 200

    for path in ("first", "second", "third", "fourth"):
        cancelled(world, f"https://slow.example/{path}", content=path.encode())
    assert sweep_of(world, FakeSender(answer), threads=4)() == Notified(delivered=5)


# Bounds


def test_a_sweep_goes_on_until_nothing_is_due() -> None:
    world = World()
    for number in range(5):
        cancelled(world, content=bytes([number]))
    assert sweep_of(world, FakeSender(), batch=2, threads=2)() == Notified(delivered=5)


def test_a_sweep_ends_though_more_is_due() -> None:
    world = World()

    def answer(_: str) -> int:
        world.clock.advance(seconds=0.75 * LEASE)
        return 200

    for number in range(5):
        cancelled(world, content=bytes([number]))
    assert sweep_of(world, FakeSender(answer), batch=1)() == Notified(delivered=2)


def test_a_sweep_that_is_stopped_begins_nothing_more() -> None:
    world = World()
    for number in range(5):
        cancelled(world, content=bytes([number]))
    sender = FakeSender()
    sweep = sweep_of(world, sender)

    def answer(_: str) -> int:
        sweep.stop()
        return 200

    sender.answer = answer
    assert sweep() == Notified(delivered=1)
    assert sweep() == Notified()
    world.clock.advance(seconds=LEASE + 1)
    assert sweep_of(world, FakeSender())() == Notified(delivered=4)


def test_an_outage_ends_a_sweep_early(monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = World(), 0
    for number in range(50):
        cancelled(world, content=bytes([number]))

    def down(*_: object) -> bytes:
        nonlocal asked
        asked += 1
        raise KeyUnavailable("down")

    monkeypatch.setattr(world.keys, "unwrap", down)
    with pytest.raises(KeyUnavailable):
        sweep_of(world, FakeSender(), threads=4)()
    assert asked <= 4


def test_a_database_that_goes_away_ends_a_sweep() -> None:
    world = World()
    document_id = cancelled(world)

    def answer(_: str) -> int:
        world.records.available = False
        return 200

    with pytest.raises(DatabaseUnavailable):
        sweep_of(world, FakeSender(answer))()
    world.records.available = True
    assert outbox(world, document_id)[0].delivered_at is None
    world.clock.advance(seconds=LEASE + 1)
    assert sweep_of(world, FakeSender(fails("tls")))() == Notified(failed=1)
