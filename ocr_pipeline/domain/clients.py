"""Clients of the front door: who they are, what they may do and how much, and the secrets they share with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocr_pipeline.domain.ids import ClientId, KeyId, SecretId

FIRST_SECRET = SecretId("first")
"""The webhook secret that every client begins with: it needs no row until another takes its place."""


class Role(StrEnum):
    """What somebody may do. A submitter and a reviewer see their own client's documents, the others all metadata."""

    SUBMITTER = "submitter"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much one client may ask for: a token bucket of requests, and pages that wait at once."""

    requests_per_minute: int = 60
    burst: int = 10
    queued_pages: int = 2_000


@dataclass(frozen=True, slots=True)
class Client:
    """One client. `sources` are the S3 prefixes (`s3://bucket/prefix`) that it may name instead of sending a file."""

    id: ClientId
    roles: frozenset[Role]
    created_at: datetime
    allowance: Allowance = field(default_factory=Allowance)
    sources: tuple[str, ...] = ()
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of a client. Its secret is nowhere: it is derived from the key provider's secret and the key's id."""

    id: KeyId
    client_id: ClientId
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def usable(self, at: datetime) -> bool:
        """Whether it may sign at that time."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """A secret that webhooks to a client are signed with; as of a key, only its id is kept. The newest has no end."""

    id: SecretId
    client_id: ClientId
    expires_at: datetime | None = None

    def usable(self, at: datetime) -> bool:
        """Whether webhooks are signed with it at that time."""
        return self.expires_at is None or at < self.expires_at
