"""Changing what was handed in, and what is known of it: cancel, erase, the audit trail, the webhooks."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from ocr_pipeline.domain import audit
from ocr_pipeline.domain.audit import AuditEvent
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.gateway.models import (
    AuditEventView,
    AuditTrailView,
    DeliveryView,
    DocumentView,
    WebhookList,
    WebhookView,
)
from ocr_pipeline.gateway.openapi import problems
from ocr_pipeline.gateway.service import Auditor, Keeper, Known, Service, in_thread

router = APIRouter(prefix="/v1/documents", tags=["documents"])


@router.post(
    "/{document_id}/cancel", summary="Stop work on a document", responses=problems(401, 403, 404, 409, 422, 429, 503)
)
async def cancel(document_id: UUID, service: Known, principal: Keeper) -> DocumentView:
    """No page of it is begun any more. Cancelling it again changes nothing; what is settled cannot be cancelled."""
    document = await in_thread(service.visible, principal, document_id)

    def cancelled() -> DocumentView:
        service.pipeline.cancel(document.id, actor=principal.actor)
        return DocumentView.of(*service.standing(principal, document_id))

    return await in_thread(cancelled)


@router.delete(
    "/{document_id}", status_code=204, summary="Erase a document", responses=problems(401, 403, 404, 422, 429, 503)
)
async def erase(document_id: UUID, service: Known, principal: Keeper) -> None:
    """Its key goes, so that nothing left anywhere can be opened; its audit trail stays. Erasing again is no error."""
    document = await in_thread(service.visible, principal, document_id)

    def erased() -> None:
        service.pipeline.erase(document.id, actor=principal.actor)

    await in_thread(erased)


@router.get(
    "/{document_id}/audit", summary="What happened to a document", responses=problems(401, 403, 404, 422, 429, 503)
)
async def get_audit(document_id: UUID, service: Known, principal: Auditor) -> AuditTrailView:
    """Every event, oldest first, each chained by its hash to the one before; stays when the document is erased."""
    document = await in_thread(service.visible, principal, document_id)

    def trail() -> AuditTrailView:
        with service.pipeline.records() as uow:
            events = list(uow.audit.events(document.id))
            fault = audit.verify(document.id, events, uow.audit.head(document.id))
        return AuditTrailView(events=[_event_view(event) for event in events], intact=fault is None)

    return await in_thread(trail)


@router.get("/{document_id}/webhooks", summary="The delivery log", responses=problems(401, 403, 404, 422, 429, 503))
async def get_webhooks(document_id: UUID, service: Known, principal: Auditor) -> WebhookList:
    """Each message to the callback address, with every try to deliver it."""
    document = await in_thread(service.visible, principal, document_id)
    return WebhookList(webhooks=await in_thread(_webhooks, service, document.id))


def _webhooks(service: Service, document_id: DocumentId) -> list[WebhookView]:
    with service.pipeline.records() as uow:
        return [
            WebhookView(
                id=webhook.id,
                event=webhook.event.value,
                created_at=webhook.created_at,
                delivered_at=webhook.delivered_at,
                abandoned_at=webhook.abandoned_at,
                next_try_at=None if webhook.delivered_at or webhook.abandoned_at else webhook.not_before,
                deliveries=[
                    DeliveryView(
                        attempt=delivery.attempt,
                        at=delivery.at,
                        seconds=delivery.seconds,
                        status=delivery.status,
                        error=delivery.error,
                    )
                    for delivery in uow.webhooks.deliveries(webhook.id)
                ],
            )
            for webhook in uow.webhooks.of_document(document_id)
        ]


def _event_view(event: AuditEvent) -> AuditEventView:
    entry = event.entry
    return AuditEventView(
        sequence=event.sequence,
        kind=entry.kind.value,
        at=entry.at,
        actor=entry.actor,
        page=entry.page,
        details=dict(entry.details),
        hash=event.hash.hex(),
    )
