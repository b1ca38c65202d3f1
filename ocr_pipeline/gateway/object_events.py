"""Events of S3 servers, received over HTTP: `POST /v1/events/s3/{source}`."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ocr_pipeline.bootstrap.held_events import held_events
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.gateway.auth import BodyDigest
from ocr_pipeline.gateway.bodies import Body, BodyLimits
from ocr_pipeline.gateway.openapi import problems
from ocr_pipeline.gateway.problems import Problem, retry_after
from ocr_pipeline.gateway.service import Known, Service, authenticated, in_thread
from ocr_pipeline.settings.triggers import WebhookSource
from ocr_pipeline.triggers.events import UnusableEvent
from ocr_pipeline.triggers.fields import MAX_BODY
from ocr_pipeline.triggers.read_message import read_message

router = APIRouter(prefix="/v1/events/s3", tags=["events"])

_FULL_RETRY_SECONDS = 60.0
_BEARER = "bearer"


@router.post(
    "/{source}",
    status_code=202,
    response_class=Response,
    summary="Receive events of an S3 server",
    responses={202: {"description": "They are kept."}, **problems(400, 401, 403, 404, 408, 413, 422, 429, 503)},
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def receive(
    request: Request,
    service: Known,
    source: Annotated[str, Path(max_length=63, description="The name of a webhook source in the settings.")],
) -> Response:
    """The webhook of MinIO, of a SeaweedFS filer, or of whatever sends S3's notifications.

    The sender has the source's own token, or signs as one of its clients. The answer comes once the events are kept;
    what is in them is looked at later, so a message that cannot be used is accepted as well (and parked).
    """
    digest = await _admitted(request, service, source)
    gateway = service.pipeline.settings.gateway
    limits = BodyLimits(MAX_BODY, gateway.body_seconds, gateway.idle_body_seconds)
    body = await Body(request, limits, digest).whole(MAX_BODY)
    if _concerns_somebody(body):
        await in_thread(_keep, service, source, body)
    return Response(status_code=202)


async def _admitted(request: Request, service: Service, name: str) -> BodyDigest:
    """What the body is to be held against. Raises what the authenticator raises, Problem (403) and NotFound."""
    known = (each for each in service.pipeline.settings.triggers.sources if isinstance(each, WebhookSource))
    source = next((each for each in known if each.name == name), None)
    if source is not None and _has_token(request, source):
        return BodyDigest(None)
    principal = await authenticated(request, service)
    if source is None:
        raise NotFound("no such source")
    if principal.client_id not in source.clients:
        raise Problem("forbidden")
    return principal.body_digest()


def _has_token(request: Request, source: WebhookSource) -> bool:
    """Whether the request carries the source's token; compared in constant time."""
    scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
    if source.token is None or scheme.lower() != _BEARER:
        return False
    return hmac.compare_digest(given.strip().encode(), source.token.get_secret_value().encode())


def _concerns_somebody(body: bytes) -> bool:
    """False for messages without any event, of which a filer sends many."""
    try:
        return bool(read_message(body))
    except UnusableEvent:
        return True


def _keep(service: Service, source: str, body: bytes) -> None:
    held = held_events(service.pipeline)
    if held.is_full:
        raise Problem("overloaded", headers=retry_after(_FULL_RETRY_SECONDS))
    held.keep(source, body)
