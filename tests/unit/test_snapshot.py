"""One picture for all who watch: taken seldom, whole where it can be, honest where it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest

from ocr_pipeline.adapters.memory.figures import MemoryFigures
from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.operations.snapshot import TakeSnapshot, day_began
from ocr_pipeline.ports.figures import Feeds, Figures, LaneFigures
from tests.unit.world import FakeClock


class CountingFigures:
    """The figures of empty records, each look costing some seconds of the clock."""

    def __init__(self, clock: FakeClock, seconds: float = 0.0) -> None:
        self.records = MemoryRecords()
        self.looks = 0
        self._clock = clock
        self._seconds = seconds

    def __call__(self, *, now: datetime, day_began: datetime) -> Figures:
        self.looks += 1
        self._clock.advance(seconds=self._seconds)
        return MemoryFigures(self.records)(now=now, day_began=day_began)


def lanes() -> Sequence[LaneFigures]:
    return [LaneFigures("intake.urgent", 3, 1)]


def test_a_snapshot_is_good_for_a_few_seconds() -> None:
    clock = FakeClock()
    figures = CountingFigures(clock)
    take = TakeSnapshot(figures, lanes, clock, UTC, fresh_seconds=3)
    first = take()
    clock.advance(seconds=2.9)
    assert take() is first
    clock.advance(seconds=0.2)
    assert take() is not first
    assert figures.looks == 2


def test_taking_costs_a_tenth_of_the_time_at_most() -> None:
    clock = FakeClock()
    figures = CountingFigures(clock, seconds=4)
    take = TakeSnapshot(figures, lanes, clock, UTC, fresh_seconds=3)
    take()
    clock.advance(seconds=35)
    take()
    assert figures.looks == 1
    clock.advance(seconds=2)
    take()
    assert figures.looks == 2


def test_many_watchers_at_once_share_one_look() -> None:
    clock = FakeClock()
    figures = CountingFigures(clock)
    take = TakeSnapshot(figures, lanes, clock, UTC, fresh_seconds=60)
    together = Barrier(8)

    def watch(_: int) -> object:
        together.wait(120)
        return take()

    with ThreadPoolExecutor(8) as watchers:
        seen = set(map(id, watchers.map(watch, range(8))))
    assert len(seen) == 1
    assert figures.looks == 1


def test_a_source_that_is_away_hides_only_what_it_tells() -> None:
    clock = FakeClock()
    figures = CountingFigures(clock)

    def no_broker() -> Sequence[LaneFigures]:
        raise QueueUnavailable("away")

    without_broker = TakeSnapshot(figures, no_broker, clock, UTC)()
    assert without_broker.missing == {"broker": "queue_unavailable"}
    assert without_broker.lanes is None
    assert without_broker.figures is not None
    figures.records.available = False
    without_database = TakeSnapshot(figures, lanes, clock, UTC)()
    assert without_database.missing == {"database": "database_unavailable"}
    assert without_database.figures is None
    assert without_database.lanes == lanes()


def test_a_fault_of_the_program_is_not_hidden() -> None:
    def broken() -> Sequence[LaneFigures]:
        raise ZeroDivisionError

    clock = FakeClock()
    with pytest.raises(ZeroDivisionError):
        TakeSnapshot(CountingFigures(clock), broken, clock, UTC)()


def test_feeds_are_told_where_there_are_any() -> None:
    clock = FakeClock()
    figures = CountingFigures(clock)
    assert TakeSnapshot(figures, lanes, clock, UTC)().feeds is None
    asked: list[datetime] = []

    def feeds(*, day_began: datetime) -> Feeds:
        asked.append(day_began)
        return Feeds(parked_events=2)

    assert TakeSnapshot(figures, lanes, clock, UTC, feeds=feeds)().feeds == Feeds(parked_events=2)
    assert asked == [datetime(2026, 1, 1, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("zone", "began"),
    [
        ("UTC", "2026-03-28T00:00:00+00:00"),
        ("Asia/Seoul", "2026-03-29T00:00:00+09:00"),
        ("Europe/Berlin", "2026-03-29T00:00:00+01:00"),  # the night on which the clocks change
    ],
)
def test_the_day_begins_at_the_hospitals_midnight(zone: str, began: str) -> None:
    now = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert day_began(now, ZoneInfo(zone)) == datetime.fromisoformat(began)
