"""The routes of the status page. A browser is let in by a link and keeps a session; programs sign as everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.errors import Unavailable
from ocr_pipeline.gateway.auth import Forbidden, Principal, Unauthenticated
from ocr_pipeline.gateway.operations.pages import REFRESH_SECONDS, Pages
from ocr_pipeline.gateway.operations.view import view_of
from ocr_pipeline.gateway.service import Known, Service, authenticated, in_thread, service_of

COOKIE = "__Host-ocr-operations"
"""The prefix has browsers refuse it unless it is Secure, for this host alone and for every path."""

_MAX_FORM_BYTES = 1024
_COMMAND = "ocr-pipeline operators link NAME"
_NOBODY = (
    "A link is needed",
    f"This page is for operators. Whoever runs the pipeline makes a link that lets this browser in: {_COMMAND}",
)
_USED_UP = ("This link is no longer good", f"It was used before, or it is too old. Have a new one made: {_COMMAND}")
_NO_OPERATOR = ("Not for this client", "The link's client does not have the role of an operator.")
_AWAY = ("The pipeline cannot be seen now", "Its database or its keys do not answer. This page tries again by itself.")

router = APIRouter(prefix="/operations", include_in_schema=False)


async def watching(request: Request, service: Annotated[Service, Depends(service_of)]) -> Principal:
    """Who watches: by the browser's session where there is one, else by signature or token. Raises as both do."""
    token = request.cookies.get(COOKIE)
    if token is None:
        principal = await authenticated(request, service)
    else:
        principal = await in_thread(_visitor, service, request, token)
    if Role.OPERATOR not in principal.roles:
        raise Forbidden("the status page is for operators")
    return principal


def _visitor(service: Service, request: Request, token: str) -> Principal:
    principal = service.visits.principal(token)
    request.state.client_id = principal.client_id
    request.state.limit_headers = service.admission.charge(principal)
    return principal


@router.get("")
async def status(request: Request, service: Known) -> HTMLResponse:
    """The page, or why it is not shown; both in HTML, as a person looks at it."""
    shown = _pages(request)
    try:
        principal = await watching(request, service)
    except Unavailable:
        return shown.closed(503, *_AWAY, refresh=2 * REFRESH_SECONDS)
    except Forbidden:
        return shown.closed(403, *_NO_OPERATOR)
    except Unauthenticated:
        return shown.closed(401, *_NOBODY)
    snapshot = await in_thread(service.snapshot)
    return shown.status(view_of(snapshot), principal.actor)


@router.get(".json")
async def status_json(service: Known, principal: Annotated[Principal, Depends(watching)]) -> JSONResponse:
    """The same for programs."""
    del principal
    snapshot = await in_thread(service.snapshot)
    return JSONResponse(view_of(snapshot), headers={"Cache-Control": "no-store"})


@router.get("/enter")
async def enter(request: Request, token: Annotated[str, Query(max_length=200)]) -> HTMLResponse:
    """Where a link leads. Nothing is used up by looking."""
    return _pages(request).enter(token)


@router.post("/enter")
async def follow(request: Request, service: Known) -> Response:
    """Take the link's token, once, and let the browser in."""
    try:
        session = await in_thread(service.visits.open, await _token(request))
    except (Unauthenticated, Forbidden):
        return _pages(request).closed(401, *_USED_UP)
    except Unavailable:
        return _pages(request).closed(503, *_AWAY)
    answer = RedirectResponse("/operations", 303, {"Cache-Control": "no-store"})
    lifetime = session.expires_at - service.pipeline.clock.now()
    answer.set_cookie(
        COOKIE,
        session.token,
        max_age=max(0, int(lifetime / timedelta(seconds=1))),
        path="/",
        secure=True,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.post("/leave")
async def leave(request: Request) -> Response:
    """Forget the session in this browser."""
    del request
    answer = RedirectResponse("/operations", 303, {"Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return answer


async def _token(request: Request) -> str:
    """The token of a posted form of small size; an empty one for any other body."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM_BYTES:
            return ""
    values = parse_qs(body.decode("latin-1")).get("token", [])
    return values[0] if len(values) == 1 else ""


def _pages(request: Request) -> Pages:
    """The app's pages."""
    found = request.app.state.operations
    assert isinstance(found, Pages)  # noqa: S101 - narrows what the app was built with
    return found
