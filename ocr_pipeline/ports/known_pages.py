"""Pages read before: for one client, the same image under the same engine configuration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef


@dataclass(frozen=True, slots=True)
class KnownPage:
    """A page that was read: the keyed fingerprint (32 bytes) of its image, and the digest of how it was read."""

    client_id: ClientId
    fingerprint: bytes
    configuration: str
    page: PageRef
    at: datetime


class KnownPages(Protocol):
    """The response cache's index. It holds no text: that lies with the page, under its document's key."""

    def find(self, client_id: ClientId, fingerprint: bytes, configuration: str) -> PageRef | None:
        """The page of this client that was read from this image in this way."""
        ...

    def add(self, known: KnownPage) -> None:
        """Remember a page, in place of the one that was known by this before: the newest reading counts."""
        ...

    def forget(self, document_id: DocumentId) -> int:
        """Drop every entry of a document; returns how many there were."""
        ...

    def forget_before(self, moment: datetime) -> int:
        """Drop every entry older than that; returns how many there were."""
        ...
