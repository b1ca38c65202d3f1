"""What a client's request became, so that the same request again becomes nothing new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ocr_pipeline.domain.ids import ClientId, DocumentId


@dataclass(frozen=True, slots=True)
class Remembered:
    """A request under an idempotency key: the digest (32 bytes) of what it asked for, and the document it became."""

    client_id: ClientId
    key: str
    digest: bytes
    document_id: DocumentId
    at: datetime


class Idempotency(Protocol):
    """Idempotency keys, each belonging to one client."""

    def find(self, client_id: ClientId, key: str) -> Remembered | None:
        """What was remembered; holds the key until the unit of work ends, so that two equal requests take turns."""
        ...

    def remember(self, request: Remembered) -> None:
        """Insert. Raises Conflict for a key that is taken."""
        ...

    def forget(self, before: datetime) -> int:
        """Drop what is older; returns how many there were."""
        ...
