"""Progress as server-sent events: `GET /v1/documents/{id}/events`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from ocr_pipeline.gateway.models import ProgressView
from ocr_pipeline.gateway.openapi import as_content, problems
from ocr_pipeline.gateway.service import Known, Viewer, in_thread
from ocr_pipeline.ports.records import Progress

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_PING_SECONDS = 15


@router.get(
    "/{document_id}/events",
    summary="Follow a document's progress",
    response_class=Response,
    responses={200: as_content("text/event-stream"), **problems(401, 403, 404, 422, 429, 503)},
)
async def follow(document_id: UUID, service: Known, principal: Viewer) -> EventSourceResponse:
    """A `progress` event now and at every change; a `settled` event at the end, after which the stream closes."""
    document = await in_thread(service.visible, principal, document_id)
    with ExitStack() as stack:
        changes = stack.enter_context(service.watch.following(document.id, principal.client_id))
        kept = stack.pop_all()
    return EventSourceResponse(_events(changes, kept), ping=_PING_SECONDS)


async def _events(changes: AsyncIterator[Progress], kept: ExitStack) -> AsyncIterator[ServerSentEvent]:
    with kept:
        async for progress in changes:
            view = ProgressView.of(progress)
            yield ServerSentEvent(view.model_dump_json(), event="settled" if view.settled else "progress")
