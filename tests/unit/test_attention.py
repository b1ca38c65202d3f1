"""What needs a person is said, worst first; what does not is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ocr_pipeline.adapters.memory.figures import MemoryFigures
from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.adapters.queues.lane_figures import WATCHED
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.operations.attention import Level, attention
from ocr_pipeline.operations.snapshot import Snapshot
from ocr_pipeline.ports.figures import Backlog, Feeds, Figures, LaneFigures, Waiting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YESTERDAY = NOW - timedelta(hours=25)


def snapshot(figures: Figures | None = None, lanes: Sequence[LaneFigures] | None = None, **known: object) -> Snapshot:
    quiet = MemoryFigures(MemoryRecords())(now=NOW, day_began=NOW)
    served = [LaneFigures(name, 0, 0 if name == "dead" else 1) for name in WATCHED]
    whole = Snapshot(NOW, NOW, figures or quiet, served if lanes is None else lanes, None)
    return replace(whole, **known)  # type: ignore[arg-type]


def quiet() -> Figures:
    return MemoryFigures(MemoryRecords())(now=NOW, day_began=NOW)


def codes(found: Snapshot) -> list[str]:
    return [notice.code for notice in attention(found)]


def waiting(priority: Priority, **ago: float) -> Figures:
    since = NOW - timedelta(**ago)
    return replace(quiet(), waiting={**quiet().waiting, priority: Waiting(pages=1, oldest_page=since)})


def test_nothing_is_said_where_all_is_well() -> None:
    assert codes(snapshot()) == []


def test_an_embedded_pipeline_needs_no_broker() -> None:
    assert codes(snapshot(lanes=[])) == []


@pytest.mark.parametrize(
    ("figures", "code"),
    [
        (waiting(Priority.URGENT, seconds=61), "old_urgent"),
        (waiting(Priority.ROUTINE, minutes=61), "old_routine"),
        (waiting(Priority.BULK, hours=25), "old_bulk"),
        (replace(quiet(), reviews={**quiet().reviews, Priority.BULK: Backlog(1, YESTERDAY)}), "old_review"),
        (replace(quiet(), today={**quiet().today, DocumentState.FAILED: 1}), "failed"),
        (replace(quiet(), pages_today={**quiet().pages_today, (PageState.FAILED, Priority.BULK): 1}), "failed"),
        (replace(quiet(), waiting={**quiet().waiting, Priority.BULK: Waiting(pages=1, quarantined=1)}), "quarantine"),
    ],
)  # fmt: skip
def test_what_is_out_of_order_is_said(figures: Figures, code: str) -> None:
    assert codes(snapshot(figures)) == [code]


@pytest.mark.parametrize(
    "figures",
    [
        waiting(Priority.URGENT, seconds=59),
        waiting(Priority.ROUTINE, minutes=59),
        waiting(Priority.BULK, hours=23),
    ],
)
def test_work_may_wait_for_a_while(figures: Figures) -> None:
    assert codes(snapshot(figures)) == []


@pytest.mark.parametrize("name", [name for name in WATCHED if name.endswith(("urgent", "results", "quarantine"))])
def test_a_stage_that_nobody_serves_is_said(name: str) -> None:
    lanes = [LaneFigures(each, 0, 0 if each in {name, "dead"} else 1) for each in WATCHED]
    (notice,) = attention(snapshot(lanes=lanes))
    assert notice.code == f"not_served_{name.removesuffix('.urgent').removeprefix('recognition.')}"


def test_what_is_worse_comes_first() -> None:
    lanes = [LaneFigures("dead", 2, 0), LaneFigures("recognition.urgent", 0, 0)]
    found = attention(snapshot(lanes=lanes, feeds=Feeds(parked_events=1)))
    assert [notice.level for notice in found] == [Level.BAD, Level.WARN, Level.WARN]
    assert [notice.code for notice in found] == ["not_served_recognition", "dead_letters", "events_parked"]


def test_a_run_that_nobody_hands_out_is_said() -> None:
    lanes = [LaneFigures(each, 0, 0 if each in {"bulk", "dead"} else 1) for each in WATCHED]
    assert codes(snapshot(lanes=lanes, feeds=Feeds(window_open=True))) == ["not_served_bulk"]
    assert codes(snapshot(lanes=lanes, feeds=Feeds(window_open=False))) == []


def test_a_source_that_is_away_is_said() -> None:
    assert codes(snapshot(missing={"broker": "queue_unavailable"})) == ["broker_away"]
    assert codes(replace(snapshot(), figures=None, missing={"database": "database_unavailable"})) == ["database_away"]
