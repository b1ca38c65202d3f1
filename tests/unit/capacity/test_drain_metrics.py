"""The exporter's drain times and wanted instances, from a snapshot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocr_pipeline.adapters.memory.figures import MemoryFigures
from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.bootstrap.drain_metrics import DrainCollector, Fleet
from ocr_pipeline.capacity.autoscaling import Bounds
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.operations.snapshot import Snapshot
from ocr_pipeline.ports.figures import EngineWork, Feeds, Figures, RunFigures, Settled, Waiting

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
FLEET = Fleet(Bounds(1, 50, 300), concurrency=2, page_seconds=2.0, within=(10, 100, 10_000))
"""An instance of one page a second."""


def figures(**waiting: Waiting) -> Figures:
    empty = MemoryFigures(MemoryRecords())(now=NOW, day_began=NOW)
    return replace(empty, waiting={each: waiting.get(each.label, Waiting()) for each in Priority})


def told(seen: Figures | None, feeds: Feeds | None = None) -> dict[str, float]:
    snapshot = Snapshot(NOW, NOW, seen, None, feeds)
    samples = [sample for family in DrainCollector(lambda: snapshot, FLEET).collect() for sample in family.samples]
    return {sample.labels.get("class", "wanted"): sample.value for sample in samples}


def test_nothing_waits_and_the_fewest_are_wanted() -> None:
    assert told(figures()) == {"urgent": 0, "routine": 0, "bulk": 0, "wanted": 1}


def test_each_class_waits_for_those_before_it() -> None:
    seen = told(figures(urgent=Waiting(pages=5), bulk=Waiting(pages=30)))
    assert seen == {"urgent": 5, "routine": 5, "bulk": 35, "wanted": 1}


def test_pages_that_have_waited_long_want_more() -> None:
    fresh = Waiting(pages=50, oldest_page=NOW)
    old = Waiting(pages=50, oldest_page=NOW - timedelta(seconds=90))
    assert told(figures(routine=fresh))["wanted"] == 1
    assert told(figures(routine=old))["wanted"] == 5


def test_pages_that_wait_for_their_next_try_do_not_count() -> None:
    assert told(figures(urgent=Waiting(pages=20, delayed=20)))["urgent"] == 0


def test_what_was_settled_lately_tells_what_the_fleet_does() -> None:
    seen = replace(figures(bulk=Waiting(pages=30)), settled=Settled(0, 3000, 3000))
    assert told(seen)["bulk"] == 3


def test_the_engines_tell_how_long_a_page_takes() -> None:
    seen = replace(
        figures(urgent=Waiting(pages=100)), engines=[EngineWork("e", 10, 0.2, None), EngineWork("f", 0, None, None)]
    )
    assert told(seen)["wanted"] == 1
    assert told(figures(urgent=Waiting(pages=100)))["wanted"] == 10


def test_arriving_pages_of_persons_are_kept_up_with() -> None:
    seen = replace(figures(), arrived={Priority.URGENT: 1500, Priority.ROUTINE: 0, Priority.BULK: 99_999})
    assert told(seen)["wanted"] == 6


def test_bulk_ends_with_the_window_of_its_run() -> None:
    ending = Feeds((RunFigures("r", "running", {}, NOW + timedelta(seconds=100)),))
    paused = Feeds((RunFigures("r", "paused", {}, NOW + timedelta(seconds=100)),))
    waiting = figures(bulk=Waiting(pages=1000))
    assert told(waiting, ending)["wanted"] == 10
    assert told(waiting, paused)["wanted"] == 1


@pytest.mark.parametrize("feeds", [None, Feeds()])
def test_without_the_database_nothing_is_said(feeds: Feeds | None) -> None:
    assert told(None, feeds) == {}
