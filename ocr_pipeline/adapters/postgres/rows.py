"""Rows to and from the records of the domain, field by field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from ocr_pipeline.domain.audit import AuditEntry, AuditEvent, AuditKind, Detail
from ocr_pipeline.domain.documents import Document, DocumentKind, DocumentState, MediaType
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef, ReviewId
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import Lease, Resolution, ReviewItem
from ocr_pipeline.domain.sealing import WrappedKey

Row = dict[str, Any]


def document_to_row(document: Document) -> Row:
    """Every column of `documents` but the audit head."""
    return {
        "id": document.id,
        "client_id": document.client_id,
        "priority": int(document.priority),
        "state": document.state.value,
        "received_at": document.received_at,
        "updated_at": document.updated_at,
        "size": document.size,
        "fingerprint": document.fingerprint,
        "media_type": document.media_type.value,
        "name": document.name,
        "key_id": document.key.key_id if document.key else None,
        "key_ciphertext": document.key.ciphertext if document.key else None,
        "reason": document.reason,
        "limit_broken": document.limit,
        "page_count": document.page_count,
        "intake_attempts": document.intake_attempts,
        "dispatched_at": document.dispatched_at,
        "kind": document.kind.value,
        "deadline": document.deadline,
        "reference": document.reference,
        "callback": document.callback,
        "fresh": document.fresh,
    }


def document_from_row(row: RowMapping | Row) -> Document:
    """The document of a row of `documents`."""
    return Document(
        id=DocumentId(row["id"]),
        client_id=ClientId(row["client_id"]),
        priority=Priority(row["priority"]),
        state=DocumentState(row["state"]),
        received_at=utc(row["received_at"]),
        updated_at=utc(row["updated_at"]),
        size=row["size"],
        fingerprint=row["fingerprint"],
        media_type=MediaType(row["media_type"]),
        name=row["name"],
        key=None if row["key_id"] is None else WrappedKey(row["key_id"], row["key_ciphertext"]),
        reason=row["reason"],
        limit=row["limit_broken"],
        page_count=row["page_count"],
        intake_attempts=row["intake_attempts"],
        dispatched_at=utc_or_none(row["dispatched_at"]),
        kind=DocumentKind(row["kind"]),
        deadline=utc_or_none(row["deadline"]),
        reference=row["reference"],
        callback=row["callback"],
        fresh=row["fresh"],
    )


def page_to_row(page: Page) -> Row:
    """Every column of `pages`."""
    return {
        "document_id": page.ref.document_id,
        "number": page.ref.number,
        "state": page.state.value,
        "updated_at": page.updated_at,
        "media_type": page.media_type,
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "attempt": page.attempt,
        "dispatch": page.dispatch,
        "suspicions": page.suspicions,
        "quarantined": page.quarantined,
        "dispatched_at": page.dispatched_at,
        "not_before": page.not_before,
        "reasons": list(page.reasons),
        "confidence": page.confidence,
        "engine": page.engine,
        "seconds": page.seconds,
        "text": page.text,
        "text_layer": page.text_layer,
        "fingerprint": page.fingerprint,
        "known": page.known,
    }


def page_from_row(row: RowMapping | Row) -> Page:
    """The page of a row of `pages`."""
    return Page(
        ref=PageRef(DocumentId(row["document_id"]), row["number"]),
        state=PageState(row["state"]),
        updated_at=utc(row["updated_at"]),
        media_type=row["media_type"],
        width=row["width"],
        height=row["height"],
        dpi=row["dpi"],
        attempt=row["attempt"],
        dispatch=row["dispatch"],
        suspicions=row["suspicions"],
        quarantined=row["quarantined"],
        dispatched_at=utc_or_none(row["dispatched_at"]),
        not_before=utc_or_none(row["not_before"]),
        reasons=tuple(row["reasons"]),
        confidence=row["confidence"],
        engine=row["engine"],
        seconds=row["seconds"],
        text=row["text"],
        text_layer=row["text_layer"],
        fingerprint=row["fingerprint"],
        known=row["known"],
    )


def review_to_row(item: ReviewItem) -> Row:
    """Every column of `review_items`."""
    return {
        "id": item.id,
        "document_id": item.page.document_id,
        "page_number": item.page.number,
        "priority": int(item.priority),
        "reasons": list(item.reasons),
        "confidence": item.confidence,
        "opened_at": item.opened_at,
        "lease_holder": item.lease.holder if item.lease else None,
        "lease_expires_at": item.lease.expires_at if item.lease else None,
        "resolution": item.resolution.value if item.resolution else None,
        "resolved_at": item.resolved_at,
        "resolved_by": item.resolved_by,
        "cer": item.cer,
        "correction": item.correction,
    }


def review_from_row(row: RowMapping) -> ReviewItem:
    """The item of a row of `review_items`."""
    lease = None if row["lease_holder"] is None else Lease(row["lease_holder"], utc(row["lease_expires_at"]))
    return ReviewItem(
        id=ReviewId(row["id"]),
        page=PageRef(DocumentId(row["document_id"]), row["page_number"]),
        priority=Priority(row["priority"]),
        reasons=tuple(row["reasons"]),
        confidence=row["confidence"],
        opened_at=utc(row["opened_at"]),
        lease=lease,
        resolution=None if row["resolution"] is None else Resolution(row["resolution"]),
        resolved_at=utc_or_none(row["resolved_at"]),
        resolved_by=row["resolved_by"],
        cer=row["cer"],
        correction=row["correction"],
    )


def event_to_row(event: AuditEvent) -> Row:
    """Every column of `audit_events`."""
    entry = event.entry
    return {
        "document_id": entry.document_id,
        "sequence": event.sequence,
        "kind": entry.kind.value,
        "at": entry.at,
        "actor": entry.actor,
        "page": entry.page,
        "details": details_to_text(entry.details),
        "previous": event.previous,
        "hash": event.hash,
    }


def event_from_row(row: RowMapping) -> AuditEvent:
    """The event of a row of `audit_events`. Raises IntegrityError for one that this pipeline never wrote."""
    try:
        kind, details = AuditKind(row["kind"]), details_from_text(row["details"])
    except (ValueError, AttributeError):
        raise IntegrityError(f"audit event {row['sequence']} of document {row['document_id']} is damaged") from None
    entry = AuditEntry(
        document_id=DocumentId(row["document_id"]),
        kind=kind,
        at=utc(row["at"]),
        actor=row["actor"],
        page=row["page"],
        details=details,
    )
    return AuditEvent(entry=entry, sequence=row["sequence"], previous=row["previous"], hash=row["hash"])


def details_to_text(details: tuple[tuple[str, Detail], ...]) -> str:
    """One JSON object as ASCII text. Not jsonb, which would change numbers and so break the hash of the event."""
    return json.dumps(dict(details), ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def details_from_text(text: str) -> tuple[tuple[str, Detail], ...]:
    """The details in the order in which they were written."""
    return tuple(json.loads(text).items())


def utc(moment: datetime) -> datetime:
    """The same moment in UTC."""
    return moment.astimezone(UTC)


def utc_or_none(moment: datetime | None) -> datetime | None:
    """The same moment in UTC, or None."""
    return None if moment is None else utc(moment)
