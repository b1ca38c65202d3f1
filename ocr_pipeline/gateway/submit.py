"""Handing in a document: `POST /v1/documents`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Annotated, Literal

import anyio
from fastapi import APIRouter, Header, Query, Request, Response

from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentKind
from ocr_pipeline.domain.priorities import class_for
from ocr_pipeline.gateway import submissions
from ocr_pipeline.gateway.auth import Principal
from ocr_pipeline.gateway.bodies import Body, BodyLimits
from ocr_pipeline.gateway.models import SubmittedView
from ocr_pipeline.gateway.openapi import SUBMIT_BODY, problems
from ocr_pipeline.gateway.problems import Problem
from ocr_pipeline.gateway.service import Known, Service, Submitter, in_thread
from ocr_pipeline.gateway.sources import fetched, grant
from ocr_pipeline.gateway.submissions import Incoming
from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.intake.submit import Receipt, Reception
from ocr_pipeline.ports.records import Progress

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*\"?(\d{1,5})\"?\s*(?:$|[,;])")
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
    openapi_extra={"requestBody": SUBMIT_BODY},
)
async def submit(
    request: Request,
    response: Response,
    service: Known,
    principal: Submitter,
    type: Annotated[DocumentKind, Query(description="What it is.")] = DocumentKind.OTHER,  # noqa: A002 - the wire's name
    priority: Annotated[
        Literal["urgent", "routine", "bulk"], Query(description="`urgent` where a person waits.")
    ] = "routine",
    deadline: Annotated[
        str | None, Query(description="When it is needed (RFC 3339); near ones raise its class.")
    ] = None,
    again: Annotated[bool, Query(description="Read it anew although it was handed in before.")] = False,
    idempotency_key: Annotated[
        str | None, Header(description="The same key and document again give the same answer, for 24 hours.")
    ] = None,
    prefer: Annotated[str | None, Header(description="`wait=N` waits up to N seconds for the result.")] = None,
    client_reference: Annotated[
        str | None, Header(description="Your own reference, percent-encoded UTF-8. Kept encrypted.")
    ] = None,
    callback_url: Annotated[str | None, Header(description="Where a signed webhook goes once it is settled.")] = None,
) -> SubmittedView:
    """The body is the file with its content type; or a multipart form with the parameters as fields and the file last.

    Or it is JSON with `source`, the address of an object in S3 that this client was granted.

    The file is encrypted as it arrives. The answer is 202 with the place of the document, or 200 where it is settled
    already: because it was waited for, or because the same file was handed in before.
    """
    del type, priority, deadline, again, client_reference, callback_url  # read where each kind of body has them
    key = _checked_key(idempotency_key)
    most = service.pipeline.settings.intake.max_file_bytes
    gateway = service.pipeline.settings.gateway
    form = request.headers.get("content-type", "").startswith("multipart/")
    limits = BodyLimits(most + _FORM_OVERHEAD * form, gateway.body_seconds, gateway.idle_body_seconds)
    incoming = await submissions.read(request, Body(request, limits, principal.body_digest()))
    receipt = await _receive(service, principal, incoming, key)
    waited = await _wait(service, receipt, _seconds_to_wait(prefer, gateway.max_wait_seconds))
    if waited is not None:
        response.headers["Preference-Applied"] = f"wait={waited}"
    document, progress = receipt.document, Progress(receipt.state, receipt.document.updated_at, {})
    if waited is not None or receipt.duplicate:
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
    service.admission.check_room(principal, lane)
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


async def _wait(service: Service, receipt: Receipt, seconds: float) -> int | None:
    """Wait until it is settled; the whole seconds that were granted, None where nothing was asked."""
    if seconds <= 0:
        return None
    with anyio.move_on_after(seconds), service.watch.following(receipt.document_id) as changes:
        async for _ in changes:
            pass
    return int(seconds)


def _seconds_to_wait(prefer: str | None, most: float) -> float:
    found = _WAIT.search(prefer or "")
    return min(float(found[1]), most) if found else 0.0


def _checked_key(key: str | None) -> str | None:
    if key is not None and _KEY.fullmatch(key) is None:
        raise Problem("invalid_request", errors=[{"place": "header", "name": "idempotency-key", "problem": "form"}])
    return key
