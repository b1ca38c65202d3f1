"""Following: items whose documents have come to an end are settled, and a run without open items is finished."""

from __future__ import annotations

from dataclasses import replace

from ocr_pipeline.bulk.control import move
from ocr_pipeline.domain.bulk import BulkItem, ItemState, RunId, RunState, SegmentDocument, outcome
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records

ACTOR = "bulk"


class SettleRun:
    """Settles the items of one run at a time. Safe between threads and processes."""

    def __init__(self, records: Records, clock: Clock, batch: int = 500) -> None:
        self._records = records
        self._clock = clock
        self._batch = batch

    def __call__(self, run_id: RunId) -> int:
        """Settle what can be; returns how many items were."""
        total = 0
        while True:
            with self._records() as uow:
                found = uow.bulk_items.settled(run_id, limit=self._batch)
                for item, documents in found:
                    uow.bulk_items.save(self._settled(item, documents))
                uow.commit()
            total += len(found)
            if len(found) < self._batch:
                self._finish(run_id)
                return total

    def _settled(self, item: BulkItem, documents: list[SegmentDocument]) -> BulkItem:
        state, code = outcome(documents)
        item.check_transition(state)
        begun = item.handed_out_at or self._clock.now()
        return replace(
            item,
            state=state,
            code=code,
            # A document that was there before may have ended before the item began.
            settled_at=max(begun, *(document.updated_at for document in documents)),
            pages=sum(document.page_count or 0 for document in documents),
        )

    def _finish(self, run_id: RunId) -> None:
        with self._records() as uow:
            run = uow.bulk_runs.get(run_id)
            if run.state not in {RunState.RUNNING, RunState.PAUSED}:
                return
            for state in (ItemState.WAITING, ItemState.HANDED_OUT):
                if uow.bulk_items.of_run(run_id, states=(state,), limit=1):
                    return
            run = uow.bulk_runs.lock(run_id)
            if run.state in {RunState.RUNNING, RunState.PAUSED}:
                move(uow, run, RunState.FINISHED, at=self._clock.now(), actor=ACTOR)
                uow.commit()
