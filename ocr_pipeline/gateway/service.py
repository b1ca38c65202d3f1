"""What the routes work with: the pipeline's use cases and the gateway's own parts, built once for the app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

import anyio
from anyio import Semaphore
from fastapi import Depends, Request

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import NotFound, Unavailable
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.gateway.admission import Admission
from ocr_pipeline.gateway.auth import Authenticator, Principal, Visits
from ocr_pipeline.gateway.health import Health
from ocr_pipeline.gateway.problems import Problem
from ocr_pipeline.gateway.progress import ProgressWatch
from ocr_pipeline.gateway.telemetry import GatewayMetrics
from ocr_pipeline.operations.snapshot import TakeSnapshot
from ocr_pipeline.ports.records import Progress, UnitOfWork
from ocr_pipeline.ports.webhooks import WebhookSender

Result = TypeVar("Result")

_KNOCKING_SECONDS = 20.0
"""Longer than anything about letting in takes that has an end of its own: a lock, a connection, a provider's keys."""

_SEE_EVERYTHING = frozenset({Role.OPERATOR, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Service:
    """One gateway process."""

    pipeline: Application
    authenticator: Authenticator
    admission: Admission
    watch: ProgressWatch
    health: Health
    metrics: GatewayMetrics
    webhooks: WebhookSender
    fetches: Semaphore
    visits: Visits
    snapshot: TakeSnapshot

    def visible(self, principal: Principal, document_id: UUID) -> Document:
        """A document that this principal may know of. Raises NotFound for all others, whoever they belong to."""
        with self.pipeline.records() as uow:
            return _visible(uow, principal, document_id)

    def standing(self, principal: Principal, document_id: UUID) -> tuple[Document, Progress]:
        """As `visible`, with how far the document is."""
        with self.pipeline.records() as uow:
            document = _visible(uow, principal, document_id)
            return document, uow.progress([document.id])[document.id]


def _visible(uow: UnitOfWork, principal: Principal, document_id: UUID) -> Document:
    document = uow.documents.get(DocumentId(document_id))
    if document.client_id != principal.client_id and not principal.roles & _SEE_EVERYTHING:
        raise NotFound("no such document")
    return document


async def in_thread(call: Callable[..., Result], *arguments: object) -> Result:
    """Run something that blocks, beside the event loop. Who is given up meanwhile waits for its end all the same.

    The threads are the loop's own (see `app`): a way to one of anyio's and back costs half as much again.
    """
    with anyio.CancelScope(shield=True):
        result = await asyncio.to_thread(call, *arguments)
    return result  # noqa: RET504 - mypy holds that the block may be left without a result


async def service_of(request: Request) -> Service:
    """The service that the app was built with."""
    service = request.app.state.service
    assert isinstance(service, Service)  # noqa: S101 - narrows what the app was built with
    return service


Known = Annotated[Service, Depends(service_of)]


async def authenticated(request: Request, service: Service) -> Principal:
    """Who asks, once their allowance is charged.

    Raises what the authenticator raises, Problem (429), and Unavailable where a service hangs that it asks. Every
    request comes by here before it touches anything, so that it can be left there with nothing done.
    """
    try:
        with anyio.fail_after(_KNOCKING_SECONDS):
            return await asyncio.to_thread(_let_in, service, request)
    except TimeoutError:
        raise Unavailable("nobody can tell just now who asks") from None


def _let_in(service: Service, request: Request) -> Principal:
    scope = request.scope
    principal = service.authenticator.authenticate(
        request.method, scope["raw_path"], scope["query_string"], request.headers
    )
    request.state.client_id = principal.client_id
    request.state.limit_headers = service.admission.charge(principal)
    return principal


class Allowed:
    """A dependency: the principal, if it has one of the roles. Raises Problem (403)."""

    def __init__(self, *roles: Role) -> None:
        self._roles = frozenset(roles)

    async def __call__(self, request: Request, service: Known) -> Principal:
        principal = await authenticated(request, service)
        if not principal.roles & self._roles:
            raise Problem("forbidden")
        return principal


Submitter = Annotated[Principal, Depends(Allowed(Role.SUBMITTER))]
Keeper = Annotated[Principal, Depends(Allowed(Role.SUBMITTER, Role.OPERATOR))]
Reader = Annotated[Principal, Depends(Allowed(Role.SUBMITTER, Role.REVIEWER))]
Viewer = Annotated[Principal, Depends(Allowed(*Role))]
Auditor = Annotated[Principal, Depends(Allowed(Role.AUDITOR, Role.OPERATOR, Role.SUBMITTER))]
