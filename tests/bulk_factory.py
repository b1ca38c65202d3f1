"""Rows of bulk runs for tests."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunId, RunState
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON, new_document_id


def new_run(state: RunState = RunState.RUNNING, **fields: Any) -> BulkRun:
    """A plausible run, younger than every one before it."""
    made = BulkRun(
        id=RunId(new_document_id()),
        client_id=ClientId("clinic"),
        state=state,
        created_at=NOON,
        updated_at=NOON,
        key=WrappedKey("key-1", b"wrapped"),
        about=b"sealed",
    )
    return BulkRun(**{name: getattr(made, name) for name in made.__slots__} | fields)


def new_item(run: BulkRun, number: int = 1, state: ItemState = ItemState.WAITING, **fields: Any) -> BulkItem:
    """A plausible item with a name of its own."""
    fingerprint = uuid4().bytes + uuid4().bytes
    return BulkItem(
        **{"source": b"sealed", "fingerprint": fingerprint, **fields}, run_id=run.id, number=number, state=state
    )


def put_run(records: Records, run: BulkRun, *items: BulkItem) -> None:
    """Commit a run with items."""
    with records() as work:
        work.bulk_runs.add(run)
        work.bulk_items.add(items)
        work.commit()
