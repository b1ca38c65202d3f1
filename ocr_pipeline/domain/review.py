"""Human review: one item for each page a machine must not accept, claimed under a lease, resolved once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import PageRef, ReviewId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority


class Resolution(StrEnum):
    """How a review ended: by a person, or withdrawn because the document was erased or cancelled."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    UNREADABLE = "unreadable"
    WITHDRAWN = "withdrawn"

    @property
    def page_state(self) -> PageState:
        """The state the page takes when a person decides so. Raises ValueError for a withdrawn review."""
        return PageState(self.value)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who works on an item, and until when nobody else may."""

    holder: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A page waiting for, or resolved by, a person. `cer` measures the machine's text against the correction."""

    id: ReviewId
    page: PageRef
    priority: Priority
    reasons: tuple[str, ...]
    confidence: float | None
    opened_at: datetime
    lease: Lease | None = None
    resolution: Resolution | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    cer: float | None = None
    correction: bytes | None = None

    @property
    def is_open(self) -> bool:
        """Whether the item still waits for a resolution."""
        return self.resolution is None

    def lease_at(self, now: datetime) -> Lease | None:
        """The lease that holds now, if any."""
        return self.lease if self.lease is not None and self.lease.expires_at > now else None

    def check_claim(self, holder: str, now: datetime) -> None:
        """Raise Conflict when the item is resolved or another person's lease holds."""
        if not self.is_open:
            raise Conflict("this review item is resolved already")
        lease = self.lease_at(now)
        if lease is not None and lease.holder != holder:
            raise Conflict(f"this review item is claimed until {lease.expires_at.isoformat(timespec='seconds')}")

    def check_resolve(self, holder: str, now: datetime) -> None:
        """Raise Conflict unless the person holds the lease now."""
        self.check_claim(holder, now)
        if self.lease_at(now) is None:
            raise Conflict("claim the review item first: the lease ran out or was never taken")
