"""Webhooks: what a client is told of, and how often it is tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import ClientId, DocumentId, WebhookId

DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400))
"""Waits between tries, as the Standard Webhooks specification advises; after the last no more is tried."""


class WebhookEvent(StrEnum):
    """What clients are told of."""

    COMPLETED = "document.completed"
    NEEDS_REVIEW = "document.needs_review"
    REJECTED = "document.rejected"
    FAILED = "document.failed"
    CANCELLED = "document.cancelled"

    @classmethod
    def of(cls, state: DocumentState) -> WebhookEvent | None:
        """The event that a state is told by, None for states nobody waits for."""
        try:
            return cls(f"document.{state.value}")
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Webhook:
    """One message to one client. It holds ids only; where it goes is sealed with the document."""

    id: WebhookId
    document_id: DocumentId
    client_id: ClientId
    event: WebhookEvent
    created_at: datetime
    not_before: datetime
    attempts: int = 0
    delivered_at: datetime | None = None
    abandoned_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to arrive, or to be given up."""
        return self.delivered_at is None and self.abandoned_at is None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver a webhook: the status that came back, or the code of what prevented one."""

    webhook_id: WebhookId
    attempt: int
    at: datetime
    seconds: float
    status: int | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the class of success in HTTP


def delay_after(attempts: int) -> timedelta | None:
    """How long to wait after so many failed tries (from 1); None when it is time to give up."""
    return DELAYS[attempts - 1] if attempts <= len(DELAYS) else None
