"""The order in which a recognition worker lets pages to its engine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.recognition.gate import Answer, Gate, GateRules
from tests.waiting import until

URGENT, ROUTINE, BULK = Priority.URGENT, Priority.ROUTINE, Priority.BULK
DEADLINE = 120.0


@dataclass
class FakeClock:
    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Crowd:
    """Pages at a gate, one thread each, that note the order in which they got in."""

    gate: Gate
    admitted: list[str] = field(default_factory=list)
    sent_off: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def arrive(self, name: str, priority: Priority) -> None:
        settled = len(self.admitted) + len(self.sent_off)
        waiting = self.gate.waiting

        def wait() -> None:
            answer = self.gate.enter(priority)
            (self.admitted if answer is Answer.IN else self.sent_off).append(name)

        thread = threading.Thread(target=wait, daemon=True)
        self.threads.append(thread)
        thread.start()
        wait_for(lambda: self.gate.waiting > waiting or len(self.admitted) + len(self.sent_off) > settled)

    def expect(self, *names: str) -> None:
        wait_for(lambda: len(self.admitted) >= len(names))
        assert tuple(self.admitted) == names

    def finish(self) -> None:
        self.gate.close()
        for thread in self.threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()


wait_for = partial(until, what="the threads at the gate", seconds=DEADLINE, every=0.001)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def crowd_at(clock: FakeClock, slots: int, reserved: int = 0, patience: float = 60.0) -> Crowd:
    return Crowd(Gate(GateRules(slots, reserved, patience), clock))


def test_the_highest_class_goes_first_and_the_first_come_inside_a_class(clock: FakeClock) -> None:
    crowd = crowd_at(clock, slots=1)
    crowd.arrive("first", BULK)
    for name, priority in (("b1", BULK), ("r1", ROUTINE), ("u1", URGENT), ("u2", URGENT), ("b2", BULK)):
        crowd.arrive(name, priority)
    crowd.expect("first")
    leaving = (BULK, URGENT, URGENT, ROUTINE, BULK)
    order = ["first", "u1", "u2", "r1", "b1", "b2"]
    for count, priority in enumerate(leaving, start=2):
        crowd.gate.leave(priority)
        crowd.expect(*order[:count])
    crowd.finish()


def test_bulk_never_takes_a_reserved_slot_and_does_not_block_those_behind_it(clock: FakeClock) -> None:
    crowd = crowd_at(clock, slots=3, reserved=1)
    for name in ("b1", "b2", "b3"):
        crowd.arrive(name, BULK)
    crowd.expect("b1", "b2")
    assert crowd.gate.waiting == 1
    crowd.arrive("r1", ROUTINE)
    crowd.expect("b1", "b2", "r1")
    crowd.gate.leave(ROUTINE)
    assert crowd.gate.waiting == 1
    crowd.gate.leave(BULK)
    crowd.expect("b1", "b2", "r1", "b3")
    crowd.finish()


def test_bulk_that_waited_long_stands_among_routine_in_order_of_arrival(clock: FakeClock) -> None:
    crowd = crowd_at(clock, slots=1, patience=60.0)
    crowd.arrive("first", ROUTINE)
    crowd.arrive("old bulk", BULK)
    clock.seconds = 60.0
    crowd.arrive("routine", ROUTINE)
    crowd.arrive("young bulk", BULK)
    crowd.arrive("urgent", URGENT)
    crowd.gate.leave(ROUTINE)
    crowd.expect("first", "urgent")
    crowd.gate.leave(URGENT)
    crowd.expect("first", "urgent", "old bulk")
    crowd.gate.leave(BULK)
    crowd.expect("first", "urgent", "old bulk", "routine")
    crowd.finish()


def test_aged_bulk_still_may_not_take_a_reserved_slot(clock: FakeClock) -> None:
    crowd = crowd_at(clock, slots=2, reserved=1, patience=60.0)
    crowd.arrive("b1", BULK)
    crowd.arrive("b2", BULK)
    clock.seconds = 1000.0
    crowd.arrive("b3", BULK)
    crowd.expect("b1")
    crowd.arrive("u1", URGENT)
    crowd.expect("b1", "u1")
    crowd.finish()


def test_a_paused_gate_turns_away_until_it_resumes_and_keeps_those_inside(clock: FakeClock) -> None:
    crowd = crowd_at(clock, slots=1)
    crowd.arrive("inside", ROUTINE)
    crowd.arrive("waiting", ROUTINE)
    crowd.gate.pause()
    wait_for(lambda: crowd.sent_off == ["waiting"])
    crowd.arrive("too late", URGENT)
    assert crowd.sent_off == ["waiting", "too late"]
    assert crowd.gate.inside == 1
    crowd.gate.resume()
    crowd.gate.leave(ROUTINE)
    crowd.arrive("later", ROUTINE)
    crowd.expect("inside", "later")
    crowd.finish()


def test_turning_away_once_lets_later_ones_in(clock: FakeClock) -> None:
    crowd = crowd_at(clock, slots=1)
    crowd.arrive("inside", ROUTINE)
    crowd.arrive("waiting", ROUTINE)
    crowd.gate.turn_away()
    wait_for(lambda: crowd.sent_off == ["waiting"])
    crowd.arrive("next", ROUTINE)
    crowd.gate.leave(ROUTINE)
    crowd.expect("inside", "next")
    crowd.finish()


def test_a_closed_gate_stays_closed(clock: FakeClock) -> None:
    gate = Gate(GateRules(1), clock)
    gate.close()
    gate.resume()
    assert gate.enter(URGENT) is Answer.TURNED_AWAY
    assert gate.wait_until_empty(0)


def test_waiting_for_the_last_to_leave(clock: FakeClock) -> None:
    gate = Gate(GateRules(1), clock)
    assert gate.enter(URGENT) is Answer.IN
    assert not gate.wait_until_empty(0)
    threading.Timer(0.01, gate.leave, [URGENT]).start()
    assert gate.wait_until_empty(DEADLINE)


@pytest.mark.parametrize("wrong", [{"slots": 0}, {"slots": 2, "reserved": 2}, {"slots": 1, "reserved": -1}])
def test_rules_that_would_shut_someone_out_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="slot"):
        GateRules(**wrong)


def test_patience_must_be_positive() -> None:
    with pytest.raises(ValueError, match="patience"):
        GateRules(1, bulk_patience=0)


arrivals = st.lists(st.tuples(st.sampled_from(Priority), st.booleans(), st.integers(0, 40)), max_size=14)


@settings(max_examples=40, deadline=None)
@given(slots=st.integers(1, 4), data=st.data(), arrivals=arrivals)
def test_whatever_comes_the_bounds_hold_and_nobody_is_forgotten(
    slots: int, data: st.DataObject, arrivals: list[tuple[Priority, bool, int]]
) -> None:
    reserved = data.draw(st.integers(0, slots - 1))
    clock = FakeClock()
    crowd = crowd_at(clock, slots, reserved, patience=30.0)
    priorities: dict[str, Priority] = {}
    left: list[str] = []

    def inside() -> list[str]:
        return [name for name in crowd.admitted if name not in left]

    def check() -> None:
        wait_for(lambda: len(inside()) == crowd.gate.inside)
        held = inside()
        assert len(held) <= slots
        assert sum(priorities[name] is BULK for name in held) <= slots - reserved
        waiting = [name for name in priorities if name not in crowd.admitted]
        if len(held) < slots:
            assert all(priorities[name] is BULK for name in waiting)

    def one_leaves() -> None:
        name = inside()[0]
        left.append(name)
        crowd.gate.leave(priorities[name])

    for number, (priority, leaves_first, seconds) in enumerate(arrivals):
        clock.seconds += seconds
        if leaves_first and inside():
            one_leaves()
            check()
        priorities[f"p{number}"] = priority
        crowd.arrive(f"p{number}", priority)
        check()
    while inside():
        one_leaves()
        check()
    assert sorted(crowd.admitted) == sorted(priorities)
    crowd.finish()
