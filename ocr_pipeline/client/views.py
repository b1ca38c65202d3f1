"""What the API gives out, as far as programs rely on it; a server may say more."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Document(TypedDict):
    """A document's state. `settled`: machines are done with it. Times are RFC 3339; `size` is in bytes."""

    id: str
    type: str
    state: str
    settled: bool
    priority: str
    media_type: str
    size: int
    received_at: str
    updated_at: str
    deadline: str | None
    reason: str | None
    limit: str | None
    page_count: int | None
    pages: dict[str, int]
    duplicate: NotRequired[bool]


class Page(TypedDict):
    """A page without its text. `confidence` is from 0 to 1; a `cached` one was read before and not again."""

    number: int
    state: str
    confidence: float | None
    reasons: list[str]
    engine: str | None
    attempt: int
    cached: NotRequired[bool]
    updated_at: str


class AuditTrail(TypedDict):
    """Every event of a document, oldest first, and whether their chain holds."""

    events: list[dict[str, Any]]
    intact: bool
