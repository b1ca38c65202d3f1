"""The gate before the engine: who of the waiting pages goes next.

A lane of its own for each priority class keeps a backlog of bulk from standing in front of an urgent page in the
broker; this gate settles the order where the scarce thing is. It lets `slots` pages in at once, the highest class
first and the first come first inside a class, never gives the last `reserved` slots to bulk, and lets bulk that has
waited long enough stand among routine, so that it is slowed but never starved.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from threading import Condition

from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.clock import Clock


class Answer(Enum):
    """What became of a wait at the gate."""

    IN = auto()
    TURNED_AWAY = auto()


class GateObserver:
    """Told how long pages wait. Does nothing; made to be extended."""

    def admitted(self, priority: Priority, waited: float) -> None:
        """A page was let in after so many seconds."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """`slots` pages at once, `reserved` of them closed to bulk, which rises a class after `bulk_patience` seconds."""

    slots: int
    reserved: int = 0
    bulk_patience: float = 600.0

    def __post_init__(self) -> None:
        if self.slots < 1 or not 0 <= self.reserved < self.slots:
            raise ValueError("a gate has at least one slot, and leaves bulk at least one")
        if self.bulk_patience <= 0:
            raise ValueError("patience is more than nothing")


@dataclass(slots=True, eq=False)
class _Waiter:
    priority: Priority
    arrived: float
    number: int
    answer: Answer | None = None


class Gate:
    """Admits pages in order. Safe between threads; whoever was let in must `leave`."""

    def __init__(self, rules: GateRules, clock: Clock, observer: GateObserver | None = None) -> None:
        self._rules = rules
        self._clock = clock
        self._observer = observer or GateObserver()
        self._changed = Condition()
        self._waiters: list[_Waiter] = []
        self._arrivals = 0
        self._inside = 0
        self._bulk_inside = 0
        self._paused = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many pages wait."""
        with self._changed:
            return len(self._waiters)

    @property
    def inside(self) -> int:
        """How many pages were let in and have not left."""
        with self._changed:
            return self._inside

    def enter(self, priority: Priority) -> Answer:
        """Wait for a slot. Turned away when the gate is paused or closed, or when those who wait are sent off."""
        with self._changed:
            if self._paused or self._closed:
                return Answer.TURNED_AWAY
            self._arrivals += 1
            waiter = _Waiter(priority, self._clock.monotonic(), self._arrivals)
            self._waiters.append(waiter)
            self._admit()
            while waiter.answer is None:
                self._changed.wait()
        if waiter.answer is Answer.IN:
            self._observer.admitted(priority, self._clock.monotonic() - waiter.arrived)
        return waiter.answer

    def leave(self, priority: Priority) -> None:
        """Give back the slot of a page that was let in under this priority."""
        with self._changed:
            self._inside -= 1
            self._bulk_inside -= priority is Priority.BULK
            self._admit()
            self._changed.notify_all()

    def turn_away(self) -> None:
        """Send off those who wait now; later ones are let in as before."""
        with self._changed:
            self._send_off()

    def pause(self) -> None:
        """Turn away those who wait and those who come, until `resume`. Those inside stay."""
        with self._changed:
            self._paused = True
            self._send_off()

    def resume(self) -> None:
        """Let pages in again, unless the gate was closed."""
        with self._changed:
            self._paused = False

    def close(self) -> None:
        """Turn everyone away for good. Those inside stay."""
        with self._changed:
            self._closed = True
            self._send_off()

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait for those inside to leave; False when some are left after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._inside == 0, timeout=seconds)

    def _send_off(self) -> None:
        for waiter in self._waiters:
            waiter.answer = Answer.TURNED_AWAY
        self._waiters.clear()
        self._changed.notify_all()

    def _admit(self) -> None:
        while (waiter := self._next()) is not None:
            self._waiters.remove(waiter)
            self._inside += 1
            self._bulk_inside += waiter.priority is Priority.BULK
            waiter.answer = Answer.IN
            self._changed.notify_all()

    def _next(self) -> _Waiter | None:
        if self._inside >= self._rules.slots:
            return None
        bulk_may = self._bulk_inside < self._rules.slots - self._rules.reserved
        eligible = [waiter for waiter in self._waiters if bulk_may or waiter.priority is not Priority.BULK]
        now = self._clock.monotonic()
        return min(eligible, key=lambda waiter: (self._rank(waiter, now), waiter.number), default=None)

    def _rank(self, waiter: _Waiter, now: float) -> Priority:
        aged = waiter.priority is Priority.BULK and now - waiter.arrived >= self._rules.bulk_patience
        return Priority.ROUTINE if aged else waiter.priority
