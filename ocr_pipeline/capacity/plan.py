"""A capacity plan: instances by the formula, the times they would give, more of them or larger ones, and the cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ocr_pipeline.capacity.load import Load
from ocr_pipeline.capacity.simulation import Simulated, Span, simulate
from ocr_pipeline.capacity.sizing import busy_share, horizontal_throughput, instances_needed, vertical_throughput

_SEARCH_FACTOR = 4
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Machine:
    """An instance: pages it has in hand at once, and its price an hour in any currency.

    The larger machine that it is compared with does `larger_speed` times as much for `larger_price` times the price.
    """

    concurrency: int
    price_per_hour: float = 0.0
    larger_speed: float = 2.0
    larger_price: float = 2.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many instances of one kind: pages a second at most, how busy they are, and what they cost."""

    instances: int
    throughput: float
    busy: float
    price_per_hour: float
    price_per_thousand_pages: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load needs.

    `enough` is the fewest instances that keep every objective; None where no number does, because a page alone takes
    too long: `longest_service_time` is then what a page may take at most, in seconds, with nobody before it.
    """

    load: Load
    machine: Machine
    horizontal: Fleet
    vertical: Fleet
    simulated: Simulated
    enough: int | None
    longest_service_time: float | None


class Planner:
    """Plans for one load on one kind of machine."""

    def __init__(self, load: Load, machine: Machine, span: Span | None = None) -> None:
        self._load = load
        self._machine = machine
        self._span = span or Span()

    def __call__(self, instances: int | None = None) -> Plan:
        """The plan for as many instances as the formula says, or as are given."""
        needed = instances_needed(self._load.rate, self._load.service_time, self._machine.concurrency)
        count = instances or needed
        simulated = self._simulate(count)
        reachable = self._without_waiting()
        enough = self._enough(count, simulated, needed) if reachable is None else None
        return Plan(
            self._load,
            self._machine,
            self._fleet(count, self._load.service_time, self._machine.price_per_hour),
            self._larger(count),
            simulated,
            enough,
            reachable,
        )

    def _simulate(self, instances: int) -> Simulated:
        return simulate(self._load, instances * self._machine.concurrency, self._span)

    def _without_waiting(self) -> float | None:
        """The longest service time that could keep the objectives, where the present one cannot on any fleet."""
        slots = 4 * math.ceil(self._load.rate * self._load.service_time + self._load.mix.mean_pages) + 100
        alone = simulate(self._load, slots, self._span)
        if alone.holds:
            return None
        shares = [
            kept / took
            for each in alone.responses
            if (target := each.profile.target) is not None and each.documents
            for kept, took in ((target.p50, each.p50), (target.p95, each.p95), (target.p99, each.p99))
        ]
        return self._load.service_time * min(shares)

    def _enough(self, count: int, simulated: Simulated, needed: int) -> int | None:
        """The fewest instances that keep the objectives, by bisection: more instances are never slower."""
        if simulated.holds and count <= needed:
            return count
        low, high = (needed - 1, count) if simulated.holds else (count, needed * _SEARCH_FACTOR + 1)
        if not simulated.holds and not self._simulate(high).holds:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._simulate(middle).holds else (middle, high)
        return high

    def _larger(self, count: int) -> Fleet:
        """Fewer, larger instances of at least the same throughput."""
        machine = self._machine
        single = machine.concurrency / self._load.service_time
        larger = vertical_throughput(single, 1.0, machine.larger_speed)
        instances = math.ceil(horizontal_throughput(count, single) / larger - 1e-9)
        service_time = self._load.service_time / machine.larger_speed
        return self._fleet(instances, service_time, machine.price_per_hour * machine.larger_price)

    def _fleet(self, instances: int, service_time: float, price: float) -> Fleet:
        slots = instances * self._machine.concurrency
        total = instances * price
        return Fleet(
            instances,
            horizontal_throughput(instances, self._machine.concurrency / service_time),
            busy_share(self._load.rate, service_time, slots),
            total,
            total / (self._load.rate * _HOUR) * 1000,
        )
