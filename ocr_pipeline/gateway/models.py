"""What the API gives out, as its OpenAPI document describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ocr_pipeline.domain.documents import SETTLED_STATES, Document, DocumentKind, DocumentState
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.ports.records import Progress

_ID = "0193a5d0-ac96-774b-8cce-b302099a8057"


class Model(BaseModel):
    """Base of everything given out."""

    model_config = ConfigDict(frozen=True)


class DocumentView(Model):
    """A document as its client sees it. It holds nothing of the document's content."""

    id: UUID = Field(examples=[_ID])
    type: DocumentKind = Field(examples=["prescription"])
    state: DocumentState = Field(examples=["processing"])
    settled: bool = Field(description="Whether machines are done with it; a person may still review pages.")
    priority: str = Field(examples=["routine"])
    media_type: str = Field(examples=["application/pdf"])
    size: int = Field(description="Bytes of the original.", examples=[302_114])
    received_at: datetime
    updated_at: datetime
    deadline: datetime | None = None
    reason: str | None = Field(None, description="Why it was refused.", examples=[None])
    limit: str | None = Field(None, description="The bound it broke.", examples=[None])
    page_count: int | None = Field(None, examples=[2])
    pages: dict[PageState, int] = Field(description="How many pages stand in each state.", examples=[{"accepted": 2}])

    @classmethod
    def of(cls, document: Document, progress: Progress) -> Self:
        """The view of a document at one moment."""
        return cls(
            id=document.id,
            type=document.kind,
            state=progress.state,
            settled=progress.state in SETTLED_STATES,
            priority=document.priority.label,
            media_type=document.media_type.value,
            size=document.size,
            received_at=document.received_at,
            updated_at=progress.updated_at,
            deadline=document.deadline,
            reason=document.reason,
            limit=document.limit,
            page_count=document.page_count,
            pages={state: count for state, count in progress.pages.items() if count},
        )


class SubmittedView(DocumentView):
    """A document that was handed in. `duplicate`: this client had sent the same file before, and this is that one."""

    duplicate: bool = False


class DocumentList(Model):
    """Documents, newest first. `next_cursor` asks for the ones after these; it is null at the end."""

    documents: list[DocumentView]
    next_cursor: str | None = None


class PageView(Model):
    """A page without its text."""

    number: int = Field(examples=[1])
    state: PageState = Field(examples=["accepted"])
    confidence: float | None = Field(None, examples=[0.97])
    reasons: list[str] = Field(default_factory=list, examples=[[]])
    engine: str | None = Field(None, examples=["cpu-hybrid/1"])
    attempt: int = Field(examples=[1])
    cached: bool = Field(description="Not read anew: its text was read before, from the same image of this client.")
    updated_at: datetime

    @classmethod
    def of(cls, page: Page) -> Self:
        """The view of a page."""
        return cls(
            number=page.ref.number,
            state=page.state,
            confidence=page.confidence,
            reasons=list(page.reasons),
            engine=page.engine,
            attempt=page.attempt,
            cached=page.known,
            updated_at=page.updated_at,
        )


class PageList(Model):
    """Every page of a document, in order."""

    pages: list[PageView]


class ProgressView(Model):
    """How far a document is: the data of each `progress` event, and of the `settled` event that ends them."""

    state: DocumentState
    settled: bool
    pages: dict[PageState, int]

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """The view of a moment's progress."""
        pages = {state: count for state, count in progress.pages.items() if count}
        return cls(state=progress.state, settled=progress.state in SETTLED_STATES, pages=pages)


class AuditEventView(Model):
    """One event of a document's audit trail."""

    sequence: int
    kind: str
    at: datetime
    actor: str
    page: int | None = None
    details: dict[str, object] = Field(default_factory=dict)
    hash: str = Field(description="SHA-256 over the event and the hash before it, in hex.")


class AuditTrailView(Model):
    """A document's audit trail, oldest event first, and whether its chain holds."""

    events: list[AuditEventView]
    intact: bool


class DeliveryView(Model):
    """One try to deliver a webhook."""

    attempt: int
    at: datetime
    seconds: float
    status: int | None = None
    error: str | None = None


class WebhookView(Model):
    """A message to the client's callback address, with every try to deliver it."""

    id: UUID
    event: str
    created_at: datetime
    delivered_at: datetime | None = None
    abandoned_at: datetime | None = None
    next_try_at: datetime | None = None
    deliveries: list[DeliveryView]


class WebhookList(Model):
    """The webhooks of a document, oldest first."""

    webhooks: list[WebhookView]


class ProblemView(Model):
    """Problem details (RFC 9457). `code` is stable; `detail` is for people, in English or Korean."""

    type: str = Field(examples=["/problems/not_found"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["not_found"])
    request_id: str | None = None
    reason: str | None = None
    limit: str | None = None
    errors: list[dict[str, str]] | None = None
