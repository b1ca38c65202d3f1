"""Telling clients: a state that is worth a message puts one into the outbox, in the transaction that brought it."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid5

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.ids import WebhookId
from ocr_pipeline.domain.webhooks import Webhook, WebhookEvent
from ocr_pipeline.ports.records import UnitOfWork


def announce(uow: UnitOfWork, document: Document, *, at: datetime) -> None:
    """Add the webhook of the state that a locked document has just come to, where somebody wants to be told.

    Call it once a change of state, after its audit event: the webhook's id is derived from the end of the chain, so
    that the same change can never be told twice. Raises Conflict where it would be.
    """
    event = WebhookEvent.of(document.state)
    if event is None or document.callback is None:
        return
    change = f"webhook/{event.value}/{uow.audit.head(document.id).sequence}"
    webhook_id = WebhookId(uuid5(document.id, change))
    uow.webhooks.add(Webhook(webhook_id, document.id, document.client_id, event, created_at=at, not_before=at))
