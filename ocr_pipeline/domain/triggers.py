"""What is remembered of S3 events: the objects they told of, the events that are held here, and how far listings are.

Keys of objects are file names of others, so they are PHI. What identifies an object is a keyed fingerprint; its address
is kept sealed under the key of the document that it became.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentState
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import WrappedKey

EventId = NewType("EventId", UUID)

FINAL_STATES = SETTLED_STATES - {DocumentState.NEEDS_REVIEW}
"""States in which nobody, no person either, has work on a document: then its result is written out."""


class ParkReason(StrEnum):
    """Why an event cannot be used until a person looks at it."""

    NO_JSON = "no_json"
    UNKNOWN_FORM = "unknown_form"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_MANY_RECORDS = "too_many_records"
    UNKNOWN_CLIENT = "unknown_client"
    CLIENT_DISABLED = "client_disabled"
    OBJECT_MISSING = "object_missing"
    FAILED = "failed"


class OutputProblem(StrEnum):
    """Why the result of an object is not written, or not yet."""

    UNAVAILABLE = "unavailable"
    KEY_TOO_LONG = "key_too_long"
    ERASED = "erased"
    UNREADABLE = "unreadable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One object of a bucket, as it was when it was last taken in, refused or found again.

    `address` (bucket and key) and `etag` are fingerprints of 32 bytes under the client's own key; `version` is the
    bucket's opaque version id, None where it has no versions. `sequencer` is the greatest that an event told of.
    `document_id` is None where the object was refused; `reason` says why. `sealed` is the address, sealed under the
    document's key. `output_due` is when its result is to be written next, None where nothing is to be written (any
    more); while it `awaits_end` its document has yet to come to its end. `output_at` is when it was written.
    """

    client_id: ClientId
    address: bytes
    etag: bytes
    modified_at: datetime
    taken_at: datetime
    version: str | None = None
    sequencer: str | None = None
    document_id: DocumentId | None = None
    sealed: bytes | None = field(default=None, repr=False)
    reason: str | None = None
    output_due: datetime | None = None
    awaits_end: bool = False
    output_attempts: int = 0
    output_at: datetime | None = None
    output_problem: OutputProblem | None = None


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """An event that is held here: it waits for its turn, or it is parked with a `reason` until a person decides.

    `body` is the message as it came, sealed under the event's own `key`; None where it was too large to be kept.
    `size` is in bytes. A waiting one is worked from `not_before` on.
    """

    id: EventId
    source: str
    received_at: datetime
    not_before: datetime
    size: int
    key: WrappedKey
    body: bytes | None = field(repr=False)
    attempts: int = 0
    reason: ParkReason | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """How far the listing of one prefix is.

    `cursor` is the last key of the last page that was done, sealed under the listing's own `key`; None between two
    passes. Nobody lists the prefix before `not_before` but the one who claimed it.
    """

    id: UUID
    bucket: str
    prefix: str
    key: WrappedKey
    not_before: datetime
    cursor: bytes | None = field(default=None, repr=False)
    finished_at: datetime | None = None
