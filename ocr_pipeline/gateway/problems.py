"""Problem details (RFC 9457): every answer that is not a success has a stable code and no word of a document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from ocr_pipeline.domain.errors import NotFound, PipelineError, Refused
from ocr_pipeline.gateway.auth.errors import Unauthenticated
from ocr_pipeline.gateway.languages import preferred
from ocr_pipeline.gateway.problem_catalog import CATALOG

MEDIA_TYPE = "application/problem+json"

_RETRY_SECONDS = 10
_SIGNATURE, _BEARER = (f'{scheme} realm="ocr-pipeline"' for scheme in ("Signature", "Bearer"))
_TOKEN_ERRORS = {"token_invalid": "invalid_token", "forbidden": "insufficient_scope"}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_GONE_AWAY = 499
_LOG = structlog.get_logger(__name__)


class Problem(PipelineError):
    """A problem of the front door itself. `code` names its kind in the catalogue; `extra` are further members."""

    def __init__(
        self, code: str, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail or CATALOG[code].title)
        self.problem = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra


def install(app: FastAPI) -> None:
    """Answer every failure of the app with problem details."""
    app.add_exception_handler(PipelineError, _pipeline_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


def answer(
    request: Request,
    code: str,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    status: int | None = None,
    extra: Mapping[str, object] | None = None,
) -> JSONResponse:
    """The response for a problem of that code, in the language the client likes better."""
    kind = CATALOG[code]
    korean = preferred(request.headers.get("accept-language", "")) == "ko"
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": kind.title_ko if korean else kind.title,
        "status": status or kind.status,
        "detail": kind.advice_ko if korean else " ".join(filter(None, (detail, kind.advice))),
        "code": code,
        "request_id": getattr(request.state, "request_id", None),
        **{name: value for name, value in (extra or {}).items() if value is not None},
    }
    sent = {"Content-Language": "ko" if korean else "en", "Cache-Control": "no-store", **(headers or {})}
    sent |= _challenge(request, code, body["status"])
    if body["status"] in {429, 503}:
        sent.setdefault("Retry-After", str(_RETRY_SECONDS))
    return JSONResponse(body, body["status"], sent, MEDIA_TYPE)


def _challenge(request: Request, code: str, status: int) -> dict[str, str]:
    """What a caller may prove itself by (RFC 9110), and what was wrong with the token that it showed (RFC 6750)."""
    bearer = _BEARER
    shown = request.headers.get("authorization", "").lower().startswith("bearer ")
    if shown and code in _TOKEN_ERRORS:
        bearer += f', error="{_TOKEN_ERRORS[code]}"'
    if status == 401:  # noqa: PLR2004 - RFC 9110 asks for this header with this status
        return {"WWW-Authenticate": f"{_SIGNATURE}, {bearer}"}
    return {"WWW-Authenticate": bearer} if shown and code == "forbidden" else {}


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to come back: whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def _sentence(error: PipelineError) -> str:
    """What the error says; the advice follows it."""
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith('.') else '.'}"


async def _pipeline_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Problem):
        return answer(request, error.problem, error.detail, headers=error.headers, extra=error.extra)
    if isinstance(error, Refused):
        code = error.reason if error.reason in CATALOG else "refused"
        return answer(request, code, _sentence(error), extra={"reason": error.reason, "limit": error.limit})
    assert isinstance(error, PipelineError)  # noqa: S101 - what the handler is installed for
    if error.code not in CATALOG:
        _LOG.error("unexpected failure", code=error.code, error=type(error).__name__)
        return answer(request, "internal")
    if isinstance(error, Unauthenticated):
        # Why is for the operators: callers learn no more than the code.
        _LOG.info("not let in", code=error.code, cause=error.cause)
    # What was not found is never named: whether it is there is nobody else's business.
    return answer(request, error.code, None if isinstance(error, NotFound) else _sentence(error))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is installed for
    wrong = [
        {"place": place[0], "name": str(place[min(1, len(place) - 1)]), "problem": each["type"]}
        for each in error.errors()
        for place in [each["loc"]]
    ]
    return answer(request, "invalid_request", extra={"errors": wrong})


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is installed for
    code = _HTTP_CODES.get(error.status_code, "invalid_request" if error.status_code < 500 else "internal")  # noqa: PLR2004
    headers = {**(error.headers or {}), **(_allowed(request) if code == "method_not_allowed" else {})}
    return answer(request, code, headers=headers, status=error.status_code)


def _allowed(request: Request) -> dict[str, str]:
    """Every method that the place takes: the framework names those of its first route alone."""

    def takes(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)

    return {"Allow": ", ".join(filter(takes, _METHODS))}


async def _gone(request: Request, error: Exception) -> JSONResponse:
    del error
    return answer(request, "malformed_body", status=_GONE_AWAY)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # This answer goes out past everything that would add the request's id.
    request_id = getattr(request.state, "request_id", "")
    _LOG.error("unexpected failure", error=type(error).__name__, request=request_id, exc_info=error)
    return answer(request, "internal", headers={"X-Request-Id": request_id})
