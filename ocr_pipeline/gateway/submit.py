"""Handing in a document: `POST /v1/documents`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress

import anyio
from fastapi import APIRouter, Request, Response

from ocr_pipeline.domain.documents import SETTLED_STATES
from ocr_pipeline.domain.errors import Unavailable
from ocr_pipeline.domain.priorities import class_for
from ocr_pipeline.gateway import submissions
from ocr_pipeline.gateway.auth import Principal
from ocr_pipeline.gateway.bodies import Body, BodyLimits
from ocr_pipeline.gateway.models import SubmittedView
from ocr_pipeline.gateway.openapi import SUBMIT_BODY, SUBMIT_PARAMETERS, problems
from ocr_pipeline.gateway.problems import Problem
from ocr_pipeline.gateway.service import Known, Service, Submitter, in_thread
from ocr_pipeline.gateway.sources import fetched, grant
from ocr_pipeline.gateway.submissions import Incoming
from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.intake.submit import Receipt, Reception
from ocr_pipeline.ports.records import Progress

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,5})\"?\s*(?:$|[,;])", re.IGNORECASE | re.ASCII)
_FORM_OVERHEAD = 64 * 1024
# Sealing a piece from the network takes less time than a hop to another thread; a whole file would hold others up.
_MUCH = 256 * 1024


@router.post(
    "",
    status_code=202,
    summary="Hand in a document",
    response_model=SubmittedView,
    responses={
        200: {"model": SubmittedView, "description": "It is settled already."},
        **problems(400, 401, 403, 408, 413, 415, 422, 429, 503),
    },
    openapi_extra={"parameters": SUBMIT_PARAMETERS, "requestBody": SUBMIT_BODY},
)
async def submit(request: Request, response: Response, service: Known, principal: Submitter) -> SubmittedView:
    """The body is the file with its content type; or a multipart form with the parameters as fields and the file last.

    Or it is JSON with `source`, the address of an object in S3 that this client was granted.

    The file is encrypted as it arrives. The answer is 202 with the place of the document, or 200 where it is settled
    already: because it was waited for, or because the same file was handed in before.
    """
    key = _idempotency_key(request)
    most = service.pipeline.settings.intake.max_file_bytes
    gateway = service.pipeline.settings.gateway
    form = request.headers.get("content-type", "").lower().startswith("multipart/")
    limits = BodyLimits(most + _FORM_OVERHEAD * form, gateway.body_seconds, gateway.idle_body_seconds)
    incoming = await submissions.read(request, Body(request, limits, principal.body_digest()))
    receipt = await _receive(service, principal, incoming, key)
    patience = _seconds_to_wait(request, gateway.max_wait_seconds)
    waited = await _wait(service, request, principal, receipt, patience) if patience else None
    if waited is not None:
        response.headers["Preference-Applied"] = f"wait={waited}"
    document, progress = receipt.document, Progress(receipt.state, receipt.document.updated_at, {})
    if waited is not None or receipt.duplicate:
        # It is kept: that nobody can tell now how far it is must not look as if it were not.
        with suppress(Unavailable):
            document, progress = await in_thread(service.standing, principal, receipt.document_id)
    response.status_code = 200 if progress.state in SETTLED_STATES else 202
    response.headers["Location"] = f"/v1/documents/{receipt.document_id}"
    view = SubmittedView.of(document, progress)
    return view.model_copy(update={"duplicate": receipt.duplicate})


async def _receive(service: Service, principal: Principal, incoming: Incoming, key: str | None) -> Receipt:
    chunks = incoming.chunks
    if chunks is None:
        chunks = _fetched(service, principal, incoming.source or "")
    with ExitStack() as opened:
        reception = await in_thread(_open, service, principal, incoming, key, opened)
        async for chunk in chunks:
            if len(chunk) > _MUCH:
                await in_thread(reception.write, chunk)
            else:
                reception.write(chunk)
            service.metrics.received_bytes.inc(len(chunk))
        return await in_thread(_finish, reception, opened)


def _open(service: Service, principal: Principal, incoming: Incoming, key: str | None, opened: ExitStack) -> Reception:
    """Begin to receive, unless there is no room. Raises Problem, and what looking at the webhook's address raises."""
    asked = incoming.asked
    if asked.callback_url is not None:
        service.webhooks.check(asked.callback_url)
    lane = class_for(asked.deadline, service.pipeline.clock.now(), asked.lane)
    opened.enter_context(service.admission.room(principal, lane))
    arrival = Arrival(
        client_id=principal.client_id,
        name=incoming.name,
        priority=asked.lane,
        actor=principal.actor,
        kind=asked.type,
        deadline=asked.deadline,
        reference=asked.client_reference,
        callback=asked.callback_url,
        idempotency=key,
        again=asked.again,
    )
    return opened.enter_context(service.pipeline.submit.receiving(arrival))


def _finish(reception: Reception, opened: ExitStack) -> Receipt:
    with opened:
        return reception.finish()


async def _fetched(service: Service, principal: Principal, source: str) -> AsyncIterator[bytes]:
    grant(principal.client, source)
    async with service.fetches:
        yield await in_thread(fetched, service.pipeline.fetch, source)


async def _wait(
    service: Service, request: Request, principal: Principal, receipt: Receipt, seconds: float
) -> int | None:
    """Wait until it is settled, or the client has hung up; the whole seconds that were granted, None for no waiting."""
    try:
        with (
            anyio.move_on_after(seconds) as patience,
            service.watch.following(receipt.document_id, principal.client_id) as changes,
        ):
            async with anyio.create_task_group() as beside:
                beside.start_soon(_end_with_client, request, patience)
                async for _ in changes:
                    pass
                beside.cancel_scope.cancel()
    except Problem:
        # Too many wait. The document is kept all the same, and a preference may go unheeded (RFC 7240, section 2).
        return None
    return int(seconds)


async def _end_with_client(request: Request, waiting: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    waiting.cancel()


def _seconds_to_wait(request: Request, most: float) -> float:
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(float(found[1]), most) if found else 0.0


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        raise Problem("invalid_request", errors=[{"place": "header", "name": "idempotency-key", "problem": "form"}])
    return key
