"""The audit trail: what happened to a document, by whom and when, each event chained to the one before.

The hash of an event covers the hash before it, so that no event can be changed, dropped or moved without every
later hash failing. The head of each chain (its length and last hash) is kept with the document, so that a cut-off
tail shows as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ocr_pipeline.domain.ids import DocumentId

GENESIS = bytes(32)
"""The hash before the first event of every chain."""

Detail = str | int | float | bool | None | list[str]


class AuditKind(StrEnum):
    """What can happen to a document or a page."""

    DOCUMENT_RECEIVED = "document_received"
    DOCUMENT_REJECTED = "document_rejected"
    DOCUMENT_QUEUED = "document_queued"
    DOCUMENT_STATE = "document_state"
    DOCUMENT_CANCELLED = "document_cancelled"
    DOCUMENT_ERASED = "document_erased"
    DOCUMENT_READ = "document_read"
    KEY_REWRAPPED = "key_rewrapped"
    PAGE_ACCEPTED = "page_accepted"
    PAGE_KNOWN = "page_known"
    PAGE_BLANK = "page_blank"
    PAGE_IN_REVIEW = "page_in_review"
    PAGE_FAILED = "page_failed"
    PAGE_RETRY = "page_retry"
    PAGE_SUSPECTED = "page_suspected"
    PAGE_QUARANTINED = "page_quarantined"
    PAGE_REQUEUED = "page_requeued"
    REVIEW_CLAIMED = "review_claimed"
    REVIEW_RELEASED = "review_released"
    REVIEW_CONFIRMED = "review_confirmed"
    REVIEW_CORRECTED = "review_corrected"
    REVIEW_UNREADABLE = "review_unreadable"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What is to be recorded; the chain adds its place and hashes. `details` never hold PHI."""

    document_id: DocumentId
    kind: AuditKind
    at: datetime
    actor: str
    page: int | None = None
    details: tuple[tuple[str, Detail], ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A recorded event: entry, place in its document's chain (from 1), and hashes."""

    entry: AuditEntry
    sequence: int
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Length and last hash of a document's chain."""

    sequence: int = 0
    hash: bytes = GENESIS


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first place where a chain does not hold, and why."""

    document_id: DocumentId
    sequence: int
    problem: str


def entry_hash(entry: AuditEntry, sequence: int, previous: bytes) -> bytes:
    """SHA-256 over the previous hash and a canonical JSON form of the entry (sorted keys, UTC microseconds)."""
    return chained(
        previous,
        {
            "actor": entry.actor,
            "at": canonical_moment(entry.at),
            "details": dict(entry.details),
            "document": str(entry.document_id),
            "kind": entry.kind.value,
            "page": entry.page,
            "sequence": sequence,
        },
    )


def chained(previous: bytes, said: Mapping[str, object]) -> bytes:
    """The hash (SHA-256) of what a record says, in a canonical JSON form with sorted keys, after the one before it."""
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(previous + canonical.encode()).digest()


def canonical_moment(moment: datetime) -> str:
    """A moment as chains hash it: in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def append(head: ChainHead, entry: AuditEntry) -> tuple[AuditEvent, ChainHead]:
    """The event that follows `head`, and the new head."""
    sequence = head.sequence + 1
    digest = entry_hash(entry, sequence, head.hash)
    return AuditEvent(entry, sequence, head.hash, digest), ChainHead(sequence, digest)


def verify(document_id: DocumentId, events: Iterable[AuditEvent], head: ChainHead) -> ChainFault | None:
    """Check a whole chain, oldest event first, against its head. None when it holds."""
    expected = ChainHead()
    for event in events:
        place = expected.sequence + 1
        if event.entry.document_id != document_id:
            return ChainFault(document_id, place, "an event of another document stands in the chain")
        if event.sequence != place:
            return ChainFault(document_id, place, "an event is missing or out of place")
        if event.previous != expected.hash:
            return ChainFault(document_id, place, "the link to the event before does not hold")
        if entry_hash(event.entry, event.sequence, event.previous) != event.hash:
            return ChainFault(document_id, place, "the event was changed after it was written")
        expected = ChainHead(event.sequence, event.hash)
    if expected != head:
        return ChainFault(document_id, expected.sequence, "the chain does not end where the document says")
    return None
