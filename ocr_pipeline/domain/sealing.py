"""What binds ciphertext to its place: the wrapped data key and the associated data of each sealed thing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from ocr_pipeline.domain.ids import DocumentId, PageRef


class Purpose(StrEnum):
    """What a ciphertext holds. Part of the associated data, so that one can never stand in for another."""

    ORIGINAL = "original"
    NAME = "name"
    REFERENCE = "reference"
    CALLBACK = "callback"
    PAGE_IMAGE = "page-image"
    PAGE_TEXT = "page-text"
    TEXT_LAYER = "text-layer"
    CORRECTION = "correction"
    SOURCE = "source-object"
    EVENT = "event"
    CURSOR = "cursor"
    BULK_RUN = "bulk-run"
    BULK_ITEM = "bulk-item"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A document's data key as it may be stored: encrypted under the provider's key `key_id`."""

    key_id: str
    ciphertext: bytes


class KeyOwnerKind(StrEnum):
    """What has a data key of its own. Everything that is sealed is sealed under one of these."""

    DOCUMENT = "document"
    BULK_RUN = "bulk_run"
    HELD_EVENT = "held_event"
    LISTING = "listing"


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """One thing with a data key of its own."""

    kind: KeyOwnerKind
    id: UUID

    @property
    def bound_to(self) -> DocumentId:
        """The id that its key is bound to where a document's is asked for: version 7 UUIDs never meet."""
        return DocumentId(self.id)


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one sealed thing: its document, its page (0 for the document itself) and its purpose."""

    document_id: DocumentId
    purpose: Purpose
    page: int = 0

    @classmethod
    def of(cls, page: PageRef, purpose: Purpose) -> Place:
        """The place of something that belongs to a page."""
        return cls(page.document_id, purpose, page.number)

    def associated_data(self) -> bytes:
        """Distinct bytes for distinct places: every field is of fixed form, with a version in front."""
        return f"ocr-pipeline/1\n{self.document_id}\n{self.page}\n{self.purpose.value}".encode()
