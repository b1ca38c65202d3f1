"""One step of bulk runs: what has ended is settled, and more is handed out. Something calls it again and again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from ocr_pipeline.bulk.hand_out import Halt, HandOut
from ocr_pipeline.bulk.settle import SettleRun
from ocr_pipeline.domain.bulk import BulkRun, RunId, RunState
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.ports.records import Records

_CANCELLED_FOLLOWED = 20
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step did for one run; `error` is the code of what stopped it, None where nothing did."""

    run_id: RunId
    settled: int = 0
    handed_out: int = 0
    halt: Halt | None = None
    error: str | None = None


class StepRuns:
    """Moves runs on. Safe at any time, between threads and processes."""

    def __init__(self, records: Records, settle: SettleRun, hand_out: HandOut) -> None:
        self._records = records
        self._settle = settle
        self._hand_out = hand_out

    def __call__(self) -> list[Stepped]:
        """A step of every run, the one with the nearest deadline first; one that fails holds no other up.

        Raises DatabaseUnavailable.
        """
        with self._records() as uow:
            runs = uow.bulk_runs.find(states=(RunState.RUNNING, RunState.PAUSED), limit=1000)
            runs += uow.bulk_runs.find(states=(RunState.CANCELLED,), limit=_CANCELLED_FOLLOWED)
        return [self._shielded(run) for run in sorted(runs, key=_order)]

    def step(self, run_id: RunId) -> Stepped:
        """A step of one run. Raises what stops it."""
        settled = self._settle(run_id)
        handed_out, halt = self._hand_out(run_id)
        return Stepped(run_id, settled, handed_out, halt)

    def _shielded(self, run: BulkRun) -> Stepped:
        try:
            return self.step(run.id)
        except PipelineError as error:
            return Stepped(run.id, error=error.code)


def _order(run: BulkRun) -> tuple[datetime, RunId]:
    return run.deadline or _NEVER, run.id
