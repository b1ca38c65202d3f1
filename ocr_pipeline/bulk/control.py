"""Starting, pausing, resuming and cancelling runs. What is under way comes to its end; only handing out stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ocr_pipeline.domain.bulk import BulkRun, RunEvent, RunId, RunState
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork


def move(uow: UnitOfWork, run: BulkRun, target: RunState, *, at: datetime, actor: str) -> BulkRun:
    """Put a locked run into a state and note who did it. Raises Conflict when the table has no such step."""
    run.check_transition(target)
    ended = at if target in {RunState.FINISHED, RunState.CANCELLED} else None
    begun = run.started_at or (at if target is RunState.RUNNING else None)
    moved = replace(run, state=target, updated_at=at, started_at=begun, ended_at=ended)
    uow.bulk_runs.save(moved)
    uow.bulk_runs.log(RunEvent(run.id, at, target, actor))
    return moved


class ControlRun:
    """Changes of a run's state that a person asks for. Each is safe to repeat; all raise NotFound and Conflict."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def start(self, run_id: RunId, *, actor: str, now: bool = False) -> BulkRun:
        """Let a run hand out, within its window unless `now`; one that runs goes on, one that is finished stays so."""
        with self._records() as uow:
            run = uow.bulk_runs.lock(run_id)
            if run.state is RunState.FINISHED:
                return run
            if run.state is RunState.LISTING:
                raise Conflict("this bulk run is not listed to its end: create it again with its id to go on")
            if now and not run.unbounded:
                run = replace(run, unbounded=True, updated_at=self._clock.now())
                uow.bulk_runs.save(run)
            if run.state is not RunState.RUNNING:
                run = move(uow, run, RunState.RUNNING, at=self._clock.now(), actor=actor)
            uow.commit()
        return run

    def pause(self, run_id: RunId, *, actor: str) -> BulkRun:
        """Hand out no more until it is resumed."""
        return self._move(run_id, RunState.PAUSED, actor)

    def cancel(self, run_id: RunId, *, actor: str) -> BulkRun:
        """Hand out no more, ever."""
        return self._move(run_id, RunState.CANCELLED, actor)

    def _move(self, run_id: RunId, target: RunState, actor: str) -> BulkRun:
        with self._records() as uow:
            run = uow.bulk_runs.lock(run_id)
            if run.state is not target:
                run = move(uow, run, target, at=self._clock.now(), actor=actor)
                uow.commit()
        return run
