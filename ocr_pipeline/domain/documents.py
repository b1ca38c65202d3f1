"""Documents: what one upload is, the states it goes through, and why it may be refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocr_pipeline.domain.errors import Conflict, KeyMissing
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import OPEN_STATES, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.sealing import WrappedKey


class MediaType(StrEnum):
    """The formats taken in, by content."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    PDF = "application/pdf"


class DocumentKind(StrEnum):
    """What a client says a document is: the classes of the response-time targets."""

    PRESCRIPTION = "prescription"
    CERTIFICATE = "certificate"
    CHART = "chart"
    OTHER = "other"


class RefusalReason(StrEnum):
    """Why intake refuses a document."""

    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    UNSUPPORTED_FORMAT = "unsupported_format"
    ENCRYPTED_PDF = "encrypted_pdf"
    TOO_MANY_PAGES = "too_many_pages"
    MALFORMED = "malformed"
    NO_PAGES = "no_pages"
    DECOMPRESSION_BOMB = "decompression_bomb"
    PAGE_TOO_LARGE = "page_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    BLANK_RENDER = "blank_render"
    TOO_SLOW = "too_slow"
    OUT_OF_MEMORY = "out_of_memory"
    INTAKE_FAILED = "intake_failed"


class DocumentState(StrEnum):
    """Where a document stands."""

    RECEIVED = "received"
    QUEUED = "queued"
    PROCESSING = "processing"
    NEEDS_REVIEW = "needs_review"
    COMPLETED = "completed"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ERASED = "erased"


TRANSITIONS: dict[DocumentState, frozenset[DocumentState]] = {
    DocumentState.RECEIVED: frozenset(
        {DocumentState.QUEUED, DocumentState.REJECTED, DocumentState.CANCELLED, DocumentState.ERASED}
    ),
    DocumentState.QUEUED: frozenset(
        {
            DocumentState.PROCESSING,
            DocumentState.NEEDS_REVIEW,
            DocumentState.COMPLETED,
            DocumentState.FAILED,
            DocumentState.CANCELLED,
            DocumentState.ERASED,
        }
    ),
    DocumentState.PROCESSING: frozenset(
        {
            DocumentState.NEEDS_REVIEW,
            DocumentState.COMPLETED,
            DocumentState.FAILED,
            DocumentState.CANCELLED,
            DocumentState.ERASED,
        }
    ),
    DocumentState.NEEDS_REVIEW: frozenset(
        {DocumentState.COMPLETED, DocumentState.FAILED, DocumentState.CANCELLED, DocumentState.ERASED}
    ),
    DocumentState.COMPLETED: frozenset({DocumentState.ERASED}),
    DocumentState.REJECTED: frozenset({DocumentState.ERASED}),
    DocumentState.FAILED: frozenset({DocumentState.ERASED}),
    DocumentState.CANCELLED: frozenset({DocumentState.ERASED}),
    DocumentState.ERASED: frozenset(),
}

SETTLED_STATES = frozenset(
    {
        DocumentState.NEEDS_REVIEW,
        DocumentState.COMPLETED,
        DocumentState.REJECTED,
        DocumentState.FAILED,
        DocumentState.CANCELLED,
        DocumentState.ERASED,
    }
)
"""States in which machines have no more work on a document."""


@dataclass(frozen=True, slots=True)
class Document:
    """One upload. `key` is None once the document is erased.

    `name` is the sealed file name, `reference` the client's own sealed reference, `callback` the sealed address of its
    webhook; all three are None once the document is erased. `deadline` is when the client needs it. A `fresh` one has
    every page read anew, also those that were read before.
    """

    id: DocumentId
    client_id: ClientId
    priority: Priority
    state: DocumentState
    received_at: datetime
    updated_at: datetime
    size: int
    fingerprint: bytes
    media_type: MediaType
    name: bytes | None
    key: WrappedKey | None
    reason: str | None = None
    limit: str | None = None
    page_count: int | None = None
    intake_attempts: int = 0
    dispatched_at: datetime | None = None
    kind: DocumentKind = DocumentKind.OTHER
    deadline: datetime | None = None
    reference: bytes | None = None
    callback: bytes | None = None
    fresh: bool = False

    def usable_key(self) -> WrappedKey:
        """The wrapped data key. Raises KeyMissing once the document was erased."""
        if self.key is None:
            raise KeyMissing("the document was erased")
        return self.key

    def check_transition(self, target: DocumentState) -> None:
        """Raise Conflict when the table has no such step."""
        if target not in TRANSITIONS[self.state]:
            raise Conflict(f"a document that is {self.state.value} cannot become {target.value}")


def state_from_pages(states: list[PageState]) -> DocumentState:
    """What a document is, given the states of all its pages.

    Raises ValueError for no pages: a document without pages is refused, never completed.
    """
    if not states:
        raise ValueError("a document has at least one page")
    if any(state in OPEN_STATES for state in states):
        untouched = all(state is PageState.QUEUED for state in states)
        return DocumentState.QUEUED if untouched else DocumentState.PROCESSING
    if PageState.IN_REVIEW in states:
        return DocumentState.NEEDS_REVIEW
    if PageState.FAILED in states:
        return DocumentState.FAILED
    return DocumentState.COMPLETED
