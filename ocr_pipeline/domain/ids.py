"""Identifiers: time-ordered UUIDs for documents and review items, and the address of a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

DocumentId = NewType("DocumentId", UUID)
ReviewId = NewType("ReviewId", UUID)
ClientId = NewType("ClientId", str)
KeyId = NewType("KeyId", str)
SecretId = NewType("SecretId", str)
WebhookId = NewType("WebhookId", UUID)

ERASURE_NOTES = "erasures/"
"""The prefix of the notes of erasures, which belong to no document's objects."""

_RANDOM_BITS = 74


def uuid7(unix_ms: int, random_bits: int) -> UUID:
    """A version 7 UUID (RFC 9562, section 5.7) from a time in milliseconds and 74 random bits."""
    if not 0 <= unix_ms < 1 << 48:
        raise ValueError("the time must fit 48 bits of milliseconds")
    if not 0 <= random_bits < 1 << _RANDOM_BITS:
        raise ValueError("the random part has 74 bits")
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return UUID(int=unix_ms << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def made_at(identifier: UUID) -> datetime | None:
    """When a version 7 UUID was made, to the millisecond; None for a UUID that does not say."""
    if identifier.version != 7:  # noqa: PLR2004 - the version is called so
        return None
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


@dataclass(frozen=True, slots=True, order=True)
class PageRef:
    """One page of one document; numbers count from 1."""

    document_id: DocumentId
    number: int

    def __str__(self) -> str:
        return f"{self.document_id}/{self.number}"


def original_key(document_id: DocumentId) -> str:
    """Where the encrypted original lies in the object store."""
    return f"documents/{document_id}/original"


def page_key(page: PageRef) -> str:
    """Where the encrypted image of a page lies in the object store."""
    return f"documents/{page.document_id}/pages/{page.number:04d}"


def document_prefix(document_id: DocumentId) -> str:
    """The prefix of every object of a document."""
    return f"documents/{document_id}/"


def erasure_note_key(document_id: DocumentId) -> str:
    """Where the note that a document was erased lies in the object store."""
    return f"{ERASURE_NOTES}{document_id}"
