"""Rows of bulk runs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from ocr_pipeline.adapters.postgres.bulk_rows import run_event_from_row, run_from_row, run_to_row
from ocr_pipeline.adapters.postgres.bulk_tables import bulk_run_events, bulk_runs
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.bulk import BulkRun, RunEvent, RunId, RunState
from ocr_pipeline.domain.errors import NotFound


class PostgresBulkRuns:
    """The `BulkRuns` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, run: BulkRun) -> None:
        """Insert. Raises Conflict for a known id."""
        self._transaction.insert(insert(bulk_runs), [run_to_row(run)])

    def get(self, run_id: RunId) -> BulkRun:
        """Raises NotFound."""
        return self._found(run_id, lock=False)

    def lock(self, run_id: RunId) -> BulkRun:
        """Wait for the row, and hold it. Raises NotFound."""
        return self._found(run_id, lock=True)

    def save(self, run: BulkRun) -> None:
        """Write every field."""
        self._transaction.run(update(bulk_runs).where(bulk_runs.c.id == run.id).values(run_to_row(run)))

    def find(self, *, states: Sequence[RunState] = (), limit: int = 100) -> list[BulkRun]:
        """Newest first."""
        wanted = select(bulk_runs).order_by(bulk_runs.c.id.desc()).limit(limit)
        if states:
            wanted = wanted.where(bulk_runs.c.state.in_([state.value for state in states]))
        return [run_from_row(row) for row in self._transaction.all(wanted)]

    def log(self, event: RunEvent) -> None:
        """Insert an event."""
        row = {"run_id": event.run_id, "at": event.at, "state": event.state.value, "actor": event.actor}
        self._transaction.insert(insert(bulk_run_events), [row])

    def events(self, run_id: RunId) -> list[RunEvent]:
        """In the order in which they were noted."""
        wanted = select(bulk_run_events).where(bulk_run_events.c.run_id == run_id).order_by(bulk_run_events.c.id)
        return [run_event_from_row(row) for row in self._transaction.all(wanted)]

    def _found(self, run_id: RunId, *, lock: bool) -> BulkRun:
        wanted = select(bulk_runs).where(bulk_runs.c.id == run_id)
        row = self._transaction.first(wanted.with_for_update() if lock else wanted)
        if row is None:
            raise NotFound("no such bulk run")
        return run_from_row(row)
