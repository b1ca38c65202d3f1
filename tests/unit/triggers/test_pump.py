"""Messages are worked on, done, put back or parked; nothing is lost and nobody is pressed who throttles."""

from __future__ import annotations

import json
from concurrent.futures import Future, wait
from dataclasses import replace
from datetime import timedelta
from threading import Event
from uuid import uuid4

import pytest

from ocr_pipeline.domain.errors import Conflict, NotFound, QueueUnavailable
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.triggers import EventId, ParkReason
from ocr_pipeline.ports.events import Letter
from ocr_pipeline.triggers.fields import MAX_BODY
from ocr_pipeline.triggers.handle import Verdict
from ocr_pipeline.triggers.hold import HoldEvents
from ocr_pipeline.triggers.inbox import Inbox
from ocr_pipeline.triggers.pump import Pump, PumpRules
from ocr_pipeline.triggers.room import Room
from ocr_pipeline.triggers.take import Outcome
from tests.trigger_fixtures import notification, record
from tests.unit.triggers.world import BUCKET, TriggerWorld

RULES = PumpRules(at_once=4, wait=0, first_delay=2, longest_delay=60)


class FakeSource:
    """A queue in memory."""

    name = "queue"

    def __init__(self, *bodies: bytes) -> None:
        self.letters = [Letter(EventId(uuid4()), self.name, body, 1, None) for body in bodies]
        self.finished: list[Letter] = []
        self.delays: list[float] = []

    def receive(self, most: int, wait: float) -> list[Letter]:
        taken, self.letters = self.letters[:most], self.letters[most:]
        return taken

    def keep(self, letters: list[Letter]) -> None: ...

    def done(self, letters: list[Letter]) -> None:
        self.finished += letters

    def put_back(self, letter: Letter, seconds: float) -> None:
        self.delays.append(seconds)
        self.letters.append(Letter(letter.id, letter.source, letter.body, letter.attempt + 1, None))

    def close(self) -> None: ...


class Stop(Event):
    """Remembers how long it was waited for, and passes no time."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0)
        return self.is_set()


def pump_of(world: TriggerWorld, source: FakeSource, stop: Stop | None = None) -> Pump:
    return Pump(source, world.handle, world.held, lambda: world.room, world.clock, stop or Stop(), RULES)


def told(world: TriggerWorld, name: str) -> bytes:
    event = world.event(name, name.encode())
    return notification(record(BUCKET, event.key, eTag=event.etag, sequencer=event.sequencer)).encode()


def test_messages_become_documents_and_are_done() -> None:
    world = TriggerWorld()
    source = FakeSource(*(told(world, f"{number}.png") for number in range(6)))
    pump = pump_of(world, source)
    assert [pump(), pump(), pump()] == [4, 2, 0]
    assert len(world.documents()) == len(source.finished) == 6


def test_a_bucket_that_throttles_loses_no_event_and_is_asked_less_and_less() -> None:
    world = TriggerWorld()
    source, stop = FakeSource(told(world, "1.png")), Stop()
    pump = pump_of(world, source, stop)
    world.buckets.down = True
    for _ in range(8):
        pump()
    assert source.finished == []
    assert source.delays == [2, 4, 8, 16, 32, 60, 60, 60]
    assert len(stop.waited) == 8, "the whole source pauses, not this message alone"
    world.buckets.down = False
    pump()
    assert len(world.documents()) == len(source.finished) == 1
    assert world.held.parked() == []


def test_what_is_missing_is_parked_after_some_tries_and_holds_nobody_up() -> None:
    world = TriggerWorld()
    gone = notification(record(BUCKET, "in/gone.png")).encode()
    source, stop = FakeSource(gone, told(world, "1.png")), Stop()
    pump = pump_of(world, source, stop)
    for _ in range(3):
        pump()
    assert [event.reason for event in world.held.parked()] == [ParkReason.OBJECT_MISSING]
    assert len(source.finished) == 2
    assert stop.waited == []


def test_poison_is_parked_sealed_and_may_be_tried_again_or_dropped() -> None:
    world = TriggerWorld()
    poison = b'{"Records": "Hong-Gildong"}'
    pump_of(world, FakeSource(poison, b"{}"))()
    first, second = world.held.parked()
    assert {first.reason, second.reason} == {ParkReason.MALFORMED, ParkReason.UNKNOWN_FORM}
    assert b"Hong" not in (first.body or b"") + (second.body or b"")
    assert {world.held.open(first), world.held.open(second)} == {poison, b"{}"}
    world.held.drop(first.id)
    world.held.retry(second.id)
    assert world.held.parked() == []
    with pytest.raises(NotFound):
        world.held.retry(second.id)
    with pytest.raises(NotFound):
        world.held.drop(second.id)


def test_a_bad_record_is_parked_and_the_others_of_its_message_become_documents() -> None:
    world = TriggerWorld()
    records = [json.loads(told(world, f"{number}.png"))["Records"][0] for number in range(3)]
    records[1]["s3"]["object"]["key"] = "%FF"
    source = FakeSource(notification(*records).encode())
    pump_of(world, source)()
    assert len(world.documents()) == 2
    assert [event.reason for event in world.held.parked()] == [ParkReason.MALFORMED]
    assert len(source.finished) == 1


def test_a_message_with_a_bad_record_comes_again_while_the_bucket_is_away() -> None:
    world = TriggerWorld()
    good = json.loads(told(world, "1.png"))["Records"][0]
    source = FakeSource(notification(good, {}).encode())
    pump = pump_of(world, source)
    world.buckets.down = True
    pump()
    assert world.held.parked() == []
    world.buckets.down = False
    pump()
    assert len(world.documents()) == len(world.held.parked()) == 1


def test_a_message_that_takes_long_is_kept_in_time_though_others_end_before(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TriggerWorld()
    source = FakeSource(b"quick", b"slow")
    looked, quick_done, kept = Event(), Event(), Event()
    source.keep = lambda _: kept.set()  # type: ignore[method-assign, assignment]
    waits: list[float] = []

    def handle(letter: Letter) -> Verdict:
        if letter.body == b"quick":
            assert looked.wait(120)
            world.clock.advance(seconds=50)
            quick_done.set()
        else:
            assert quick_done.wait(120)
            assert kept.wait(120), "the message in hand was never kept"
        return Verdict()

    def waiting(futures: dict[Future[Verdict], Letter], timeout: float, return_when: str) -> object:
        waits.append(timeout)
        looked.set()
        if len(futures) == 1 and not kept.is_set():
            world.clock.advance(seconds=timeout)
            return set(), set(futures)
        return wait(futures, timeout=120, return_when=return_when)

    monkeypatch.setattr("ocr_pipeline.triggers.pump.wait", waiting)
    rules = replace(RULES, keep_every=60)
    Pump(source, handle, world.held, lambda: True, world.clock, Stop(), rules)()  # type: ignore[arg-type]
    assert waits[:2] == [60, 10], "a minute after the message came, not after the last one ended"
    assert len(source.finished) == 2


def test_parked_events_are_bounded_and_what_finds_no_room_stays_in_its_queue() -> None:
    world = TriggerWorld()
    world.held = HoldEvents(world.records, world.vault, world.clock, world.ids, most=2)
    source = FakeSource(b"poison", b"poison", b"poison")
    pump = pump_of(world, source)
    pump()
    assert len(world.held.parked()) == len(source.finished) == 2
    assert (len(source.letters), source.delays) == (1, [RULES.longest_delay])
    world.held.drop(world.held.parked()[0].id)
    pump()
    assert len(world.held.parked()) == 2
    assert source.letters == []


def test_a_held_event_that_cannot_be_opened_is_parked_and_holds_nobody_up() -> None:
    world = TriggerWorld()
    inbox = Inbox(world.records, world.held, world.clock, lambda _: None, lease=timedelta(minutes=2))
    bad = world.held.keep("minio", told(world, "1.png"))
    world.held.keep("minio", told(world, "2.png"))
    held = world.records.tables.held_events
    whole = held[bad]
    held[bad] = replace(whole, body=b"x" + (whole.body or b"")[1:])
    assert [letter.attempt for letter in inbox.receive(8, 0)] == [1]
    (parked,) = world.held.parked()
    assert (parked.id, parked.reason) == (bad, ParkReason.FAILED)
    held[bad] = replace(whole, reason=parked.reason)
    world.held.retry(bad)
    assert [letter.id for letter in inbox.receive(8, 0)] == [bad]


def test_a_huge_message_is_parked_without_its_body() -> None:
    world = TriggerWorld()
    pump_of(world, FakeSource(b"x" * (MAX_BODY + 1)))()
    (parked,) = world.held.parked()
    assert (parked.reason, parked.body, parked.size) == (ParkReason.TOO_LARGE, None, MAX_BODY + 1)
    with pytest.raises(Conflict):
        world.held.retry(parked.id)


def test_a_fault_of_ours_parks_the_event_and_spares_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TriggerWorld()
    monkeypatch.setattr(world.buckets, "facts", lambda *_: 1 / 0)
    source = FakeSource(told(world, "1.png"), b'{"Records": []}')
    pump = pump_of(world, source)
    for _ in range(3):
        pump()
    assert [event.reason for event in world.held.parked()] == [ParkReason.FAILED]
    assert world.tally.failures == ["ZeroDivisionError"] * 3
    assert world.tally.outcomes.count(Outcome.IGNORED) == 1


def test_no_room_takes_nothing_from_the_source() -> None:
    world = TriggerWorld()
    source, stop = FakeSource(told(world, "1.png")), Stop()
    world.room = False
    assert pump_of(world, source, stop)() == 0
    assert len(source.letters) == 1
    assert stop.waited == [5.0]


def test_held_events_have_their_turn_once_and_parked_ones_another() -> None:
    world = TriggerWorld()
    inbox = Inbox(world.records, world.held, world.clock, lambda _: None, lease=timedelta(minutes=2))
    pump = Pump(inbox, world.handle, world.held, lambda: True, world.clock, Stop(), RULES)
    world.held.keep("minio", told(world, "1.png"))
    world.held.keep("minio", b"{}")
    assert [pump(), pump()] == [2, 0]
    assert len(world.documents()) == 1
    (parked,) = world.held.parked()
    assert (parked.source, parked.reason) == ("minio", ParkReason.UNKNOWN_FORM)
    world.held.retry(parked.id)
    assert pump() == 1
    assert [event.id for event in world.held.parked()] == [parked.id]
    assert len(world.records.tables.held_events) == 1


def test_a_held_event_whose_worker_died_comes_again() -> None:
    world = TriggerWorld()
    inbox = Inbox(world.records, world.held, world.clock, lambda _: None, lease=timedelta(minutes=2))
    world.held.keep("minio", b"{}")
    (letter,) = inbox.receive(5, 0)
    assert inbox.receive(5, 0) == []
    world.clock.advance(minutes=1)
    inbox.keep([letter])
    world.clock.advance(minutes=1.5)
    assert inbox.receive(5, 0) == []
    world.clock.advance(minutes=1)
    (again,) = inbox.receive(5, 0)
    assert (again.id, again.attempt) == (letter.id, 2)


def test_room_is_where_no_lane_is_deep_or_nobody_can_tell() -> None:
    depths = {"intake.routine": 9, "recognition.bulk": 500}
    clock = iter(range(0, 100, 10))
    room = Room(lambda: depths, [Priority.ROUTINE], 10, lambda: float(next(clock)))
    assert room()
    depths["recognition.routine"] = 10
    assert not room()

    def away() -> dict[str, int]:
        raise QueueUnavailable("away")

    assert Room(away, [Priority.ROUTINE], 10)()
