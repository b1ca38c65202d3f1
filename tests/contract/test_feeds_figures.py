"""What operators are told of bulk runs, over each kind of records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ocr_pipeline.domain.bulk import ItemState, RunState
from ocr_pipeline.domain.window import Window
from ocr_pipeline.operations.feeds import LookAtFeeds
from ocr_pipeline.ports.records import Records
from tests.bulk_factory import new_item, new_run, put_run
from tests.unit.world import FakeClock

NIGHTLY = Window.parse("22:00-06:00", "UTC")


def clock_at(moment: datetime) -> FakeClock:
    clock = FakeClock()
    clock.time = moment
    return clock


def test_runs_at_work_are_told_with_their_items_and_the_end_of_their_window(records: Records) -> None:
    night = datetime(2026, 3, 1, 23, tzinfo=UTC)
    run = new_run(RunState.RUNNING, window=NIGHTLY, updated_at=night)
    put_run(records, run, new_item(run, 1), new_item(run, 2), new_item(run, 3, ItemState.DONE))
    yesterdays = new_run(RunState.FINISHED, updated_at=night - timedelta(days=1))
    put_run(records, yesterdays)
    told = LookAtFeeds(records, clock_at(night))(day_began=night.replace(hour=0))
    assert [(each.id, each.state) for each in told.runs] == [(str(run.id), "running")]
    assert told.runs[0].items == {"waiting": 2, "done": 1}
    assert told.runs[0].ends_at == datetime(2026, 3, 2, 6, tzinfo=UTC)
    assert (told.window_open, told.parked_events) == (True, 0)


def test_a_shut_window_is_told(records: Records) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    put_run(records, new_run(RunState.RUNNING, window=NIGHTLY, updated_at=noon))
    assert LookAtFeeds(records, clock_at(noon))(day_began=noon.replace(hour=0)).window_open is False


def test_without_runs_nothing_is_said_of_a_window(records: Records) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    told = LookAtFeeds(records, clock_at(noon))(day_began=noon.replace(hour=0))
    assert (list(told.runs), told.window_open, told.parked_events) == ([], None, 0)
