"""Telling of a new state, in the transaction that brought it: by a webhook, and to who writes results back.

Of a document that was erased nothing is told any more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import uuid5

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.ids import WebhookId
from ocr_pipeline.domain.triggers import FINAL_STATES
from ocr_pipeline.domain.webhooks import Delivery, Webhook, WebhookEvent
from ocr_pipeline.ports.records import UnitOfWork


def announce(uow: UnitOfWork, document: Document, *, at: datetime) -> None:
    """Add the webhook of the state that a locked document has just come to, where somebody wants to be told.

    At its end, what is to be written beside the objects that it came from awaits it no longer.

    Call it once a change of state, after its audit event: the webhook's id is derived from the end of the chain, so
    that the same change can never be told twice. Raises Conflict where it would be.
    """
    if document.state in FINAL_STATES:
        uow.source_objects.ended(document.id)
    event = WebhookEvent.of(document.state)
    if event is None or document.callback is None:
        return
    change = f"webhook/{event.value}/{uow.audit.head(document.id).sequence}"
    webhook_id = WebhookId(uuid5(document.id, change))
    uow.webhooks.add(Webhook(webhook_id, document.id, document.client_id, event, created_at=at, not_before=at))


def fall_silent(uow: UnitOfWork, document: Document, *, at: datetime) -> None:
    """Give up every webhook of a locked document that has not arrived; the log of each says why."""
    for webhook in uow.webhooks.of_document(document.id):
        if webhook.is_open:
            uow.webhooks.save(replace(webhook, abandoned_at=at))
            uow.webhooks.log(Delivery(webhook.id, webhook.attempts + 1, at, 0.0, error="document_erased"))
