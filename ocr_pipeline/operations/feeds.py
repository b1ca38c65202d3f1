"""What bulk runs and triggers bring in, for the snapshot: few runs, and counts of their items."""

from __future__ import annotations

from datetime import datetime

from ocr_pipeline.domain.bulk import BulkRun, RunState
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.figures import Feeds, RunFigures
from ocr_pipeline.ports.records import Records, UnitOfWork

_AT_WORK = (RunState.LISTING, RunState.CREATED, RunState.RUNNING, RunState.PAUSED)
_MOST_RUNS = 10
_MOST_EVENTS = 10_000


class LookAtFeeds:
    """The `FeedsSource` port over the records: the newest runs that are at work or ended today, and parked events."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def __call__(self, *, day_began: datetime) -> Feeds:
        """Raises DatabaseUnavailable."""
        now = self._clock.now()
        with self._records() as uow:
            newest = uow.bulk_runs.find(limit=_MOST_RUNS)
            runs = [run for run in newest if run.state in _AT_WORK or run.updated_at >= day_began]
            _, parked = uow.held_events.counts(most=_MOST_EVENTS)
            return Feeds(
                runs=[_figures(uow, run, now) for run in runs],
                window_open=any(run.may_hand_out(now) for run in runs) if runs else None,
                parked_events=parked,
            )


def _figures(uow: UnitOfWork, run: BulkRun, now: datetime) -> RunFigures:
    items: dict[str, int] = {}
    for tally in uow.bulk_figures.tallies(run.id):
        items[tally.state.value] = items.get(tally.state.value, 0) + tally.items
    window = run.open_window
    closes = window.closes_next(now) if window is not None and run.may_hand_out(now) else None
    return RunFigures(str(run.id), run.state.value, items, closes or run.deadline)
