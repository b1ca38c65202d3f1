"""A recorded day under a scaling policy: who waits how long, how many instances run, and for how many hours.

Pages flow as a fluid, in steps of a few seconds, to the classes in their order; a new instance works once it has
started, a stopped one is gone at once. So the figures compare policies; `simulation` has the spread of single pages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ocr_pipeline.capacity import autoscaling, drain
from ocr_pipeline.capacity.day import Day
from ocr_pipeline.domain.priorities import Priority

_STEP = 5.0
_DECIDE_EVERY = 30.0
_LONGEST_AFTER = 6 * 3600.0
_CRUMB = 1e-6


@dataclass(frozen=True, slots=True)
class Seen:
    """What a policy may look at: instances (also those starting), what the last step kept busy, what waits."""

    instances: int
    busy: float
    backlogs: tuple[drain.Backlog, ...]
    since_change: float


class Policy(Protocol):
    """Says how many instances there should be."""

    def __call__(self, seen: Seen) -> int:
        """The number wanted now."""
        ...


@dataclass(frozen=True, slots=True)
class ThresholdPolicy:
    """The requirement's: utilisation and queue length."""

    rules: autoscaling.ThresholdRules = field(default_factory=autoscaling.ThresholdRules)

    def __call__(self, seen: Seen) -> int:
        """As Policy."""
        queue = round(sum(each.waiting for each in seen.backlogs))
        signals = autoscaling.Signals(seen.busy, queue)
        return autoscaling.decide(seen.instances, signals, seen.since_change, self.rules).instances


@dataclass(frozen=True, slots=True)
class DrainPolicy:
    """Predicted drain time against each class's bound."""

    per_instance: float
    rules: drain.DrainRules = field(default_factory=drain.DrainRules)

    def __call__(self, seen: Seen) -> int:
        """As Policy."""
        wanted = drain.wanted_instances(seen.backlogs, self.per_instance, self.rules)
        return drain.decide(seen.instances, wanted, seen.since_change, self.rules).instances


@dataclass(frozen=True, slots=True)
class Site:
    """Instances of `per_instance` pages a second that take `start_seconds` to start, and each class's bound.

    `within` is in seconds, for urgent, routine and bulk pages.
    """

    per_instance: float
    start_seconds: float = 120.0
    within: tuple[float, float, float] = (10.0, 120.0, 4 * 3600.0)


@dataclass(frozen=True, slots=True)
class Replayed:
    """`late` is the share of each class's pages that took longer than its bound, `longest` the longest in seconds."""

    instance_hours: float
    most_instances: int
    changes: int
    late: tuple[float, float, float]
    longest: tuple[float, float, float]


@dataclass(slots=True)
class _Class:
    """Pages of a class that wait, by the moment they came."""

    within: float
    queue: deque[tuple[float, float]] = field(default_factory=deque)
    waiting: float = 0.0
    done: float = 0.0
    late: float = 0.0
    longest: float = 0.0

    @property
    def late_share(self) -> float:
        late, total = self.late + self.waiting, self.done + self.waiting
        return late / total if late > _CRUMB else 0.0

    def arrive(self, now: float, pages: float) -> None:
        if pages > 0:
            self.queue.append((now, pages))
            self.waiting += pages

    def serve(self, now: float, most: float) -> float:
        """Serve up to so many pages, the oldest first; returns what is left of `most`."""
        while most > _CRUMB and self.queue:
            came, pages = self.queue[0]
            taken = min(pages, most)
            most -= taken
            self._count(now - came, taken)
            if taken >= pages - _CRUMB:
                self.queue.popleft()
            else:
                self.queue[0] = (came, pages - taken)
        return most

    def _count(self, waited: float, pages: float) -> None:
        self.waiting = max(self.waiting - pages, 0.0)
        self.done += pages
        self.longest = max(self.longest, waited)
        if waited > self.within:
            self.late += pages


class _Fleet:
    """Instances that run, and those that start."""

    def __init__(self, instances: int) -> None:
        self.ready = instances
        self._starting: deque[float] = deque()
        self.changed = 0.0
        self.changes = 0

    @property
    def count(self) -> int:
        return self.ready + len(self._starting)

    def pass_time(self, now: float) -> None:
        while self._starting and self._starting[0] <= now:
            self._starting.popleft()
            self.ready += 1

    def scale(self, wanted: int, now: float, start_seconds: float) -> None:
        if wanted == self.count:
            return
        while self.count < wanted:
            self._starting.append(now + start_seconds)
        while self.count > wanted:
            if self._starting:
                self._starting.pop()
            else:
                self.ready -= 1
        self.changed, self.changes = now, self.changes + 1


def replay(day: Day, site: Site, policy: Policy, *, instances: int = 2) -> Replayed:
    """Replay a day from so many instances on, until all its pages are done (or six hours after its end)."""
    classes = [_Class(within) for within in site.within]
    fleet = _Fleet(instances)
    now = instance_seconds = busy = 0.0
    most = instances
    decided = -_DECIDE_EVERY
    while now < day.seconds or (any(each.queue for each in classes) and now < day.seconds + _LONGEST_AFTER):
        rates = day.rate(now)
        for each, rate in zip(classes, rates, strict=True):
            each.arrive(now, rate * _STEP)
        fleet.pass_time(now)
        capacity = fleet.ready * site.per_instance * _STEP
        left = capacity
        for each in classes:
            left = each.serve(now + _STEP, left)
        busy = 1 - left / capacity if capacity else 1.0
        if now - decided >= _DECIDE_EVERY:
            decided = now
            seen = Seen(fleet.count, busy, _backlogs(classes, rates, now), now - fleet.changed)
            fleet.scale(policy(seen), now, site.start_seconds)
            most = max(most, fleet.count)
        instance_seconds += fleet.count * _STEP
        now += _STEP
    urgent, routine, bulk = classes
    return Replayed(
        instance_seconds / 3600,
        most,
        fleet.changes,
        (urgent.late_share, routine.late_share, bulk.late_share),
        (urgent.longest, routine.longest, bulk.longest),
    )


def _backlogs(classes: Sequence[_Class], rates: Sequence[float], now: float) -> tuple[drain.Backlog, ...]:
    """What waits, each class with the time its oldest page has left."""
    return tuple(
        drain.Backlog(priority, each.waiting, rate, _left(each, now))
        for priority, each, rate in zip(Priority, classes, rates, strict=True)
    )


def _left(each: _Class, now: float) -> float:
    """Seconds that the oldest page has left of its bound; of a late one, a step."""
    age = now - each.queue[0][0] if each.queue else 0.0
    return max(each.within - age, _STEP)
