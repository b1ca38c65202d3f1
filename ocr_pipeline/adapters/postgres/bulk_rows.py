"""Rows of bulk runs to and from the records of the domain, field by field."""

from __future__ import annotations

from sqlalchemy import RowMapping

from ocr_pipeline.adapters.postgres.rows import Row, utc, utc_or_none
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunEvent, RunId, RunState, Segment
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.domain.window import Window


def run_to_row(run: BulkRun) -> Row:
    """Every column of `bulk_runs`."""
    return {
        "id": run.id,
        "client_id": run.client_id,
        "state": run.state.value,
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "key_id": run.key.key_id,
        "key_ciphertext": run.key.ciphertext,
        "about": run.about,
        "window": None if run.window is None else str(run.window),
        "unbounded": run.unbounded,
        "deadline": run.deadline,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }


def run_from_row(row: RowMapping) -> BulkRun:
    """The run of a row of `bulk_runs`."""
    return BulkRun(
        id=RunId(row["id"]),
        client_id=ClientId(row["client_id"]),
        state=RunState(row["state"]),
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        key=WrappedKey(row["key_id"], row["key_ciphertext"]),
        about=row["about"],
        window=None if row["window"] is None else Window.from_text(row["window"]),
        unbounded=row["unbounded"],
        deadline=utc_or_none(row["deadline"]),
        started_at=utc_or_none(row["started_at"]),
        ended_at=utc_or_none(row["ended_at"]),
    )


def run_event_from_row(row: RowMapping) -> RunEvent:
    """The event of a row of `bulk_run_events`."""
    return RunEvent(RunId(row["run_id"]), utc(row["at"]), RunState(row["state"]), row["actor"])


def item_to_row(item: BulkItem) -> Row:
    """Every column of `bulk_items`."""
    return {
        "run_id": item.run_id,
        "number": item.number,
        "state": item.state.value,
        "source": item.source,
        "fingerprint": item.fingerprint,
        "line": item.line,
        "kind": item.kind.value,
        "code": item.code,
        "duplicate_of": item.duplicate_of,
        "attempts": item.attempts,
        "not_before": item.not_before,
        "handed_out_at": item.handed_out_at,
        "settled_at": item.settled_at,
        "pages": item.pages,
    }


def item_from_row(row: RowMapping) -> BulkItem:
    """The item of a row of `bulk_items`."""
    return BulkItem(
        run_id=RunId(row["run_id"]),
        number=row["number"],
        state=ItemState(row["state"]),
        source=row["source"],
        fingerprint=row["fingerprint"],
        line=row["line"],
        kind=DocumentKind(row["kind"]),
        code=row["code"],
        duplicate_of=row["duplicate_of"],
        attempts=row["attempts"],
        not_before=utc_or_none(row["not_before"]),
        handed_out_at=utc_or_none(row["handed_out_at"]),
        settled_at=utc_or_none(row["settled_at"]),
        pages=row["pages"],
    )


def segment_to_row(segment: Segment) -> Row:
    """Every column of `bulk_segments`."""
    return {
        "run_id": segment.run_id,
        "number": segment.number,
        "index": segment.index,
        "first_page": segment.first_page,
        "document_id": segment.document_id,
        "known": segment.known,
    }


def segment_from_row(row: RowMapping) -> Segment:
    """The segment of a row of `bulk_segments`."""
    return Segment(
        run_id=RunId(row["run_id"]),
        number=row["number"],
        index=row["index"],
        first_page=row["first_page"],
        document_id=DocumentId(row["document_id"]),
        known=row["known"],
    )
