"""What a model server's refusals, errors and broken connections mean for a page.

Errors of the page are told apart from errors of the server, since only the first may count against the page. What the
server wrote is looked at and never carried on: an error body may quote the prompt.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from ocr_pipeline.domain.errors import (
    ContextTooLong,
    EngineError,
    EngineGarbage,
    EngineOverloaded,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
)

_OVERLOADED = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_WRONG_KEY = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})
_WRONG_PLACE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
_MAY_BE_TOO_LONG = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY}
)
_SETTINGS = frozenset(
    {
        "logprobs",
        "mm_processor_kwargs",
        "priority",
        "repetition_detection",
        "repetition_penalty",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "top_logprobs",
        "top_p",
    }
)
"""Fields that are alike for every page: a server that does not take one is set up wrongly."""

_TOO_LONG = re.compile(r"context[ _]length|maximum model length|max_model_len", re.IGNORECASE)
_ERROR_STATUSES = range(400, 600)
_SECONDS = re.compile(r"\d{1,9}")


def from_status(status: int, body: bytes, *, retry_after: str | None, now: datetime) -> EngineError:
    """The error behind an answer that is not 200.

    `body` may be cut short; `now` is what a date in `retry_after` counts from.
    """
    if status in _OVERLOADED:
        return EngineOverloaded(_worded(status), retry_after=retry_seconds(retry_after, now))
    return _from_code(status, _error_in(body))


def from_error_object(error: object) -> EngineError:
    """The error behind an `error` that came instead of, or in the middle of, an answer."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and code in _ERROR_STATUSES:
        status = code
    elif _TOO_LONG.search(str(code)):
        status = HTTPStatus.BAD_REQUEST
    else:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
    if status in _OVERLOADED:
        return EngineOverloaded(_worded(status))
    return _from_code(status, error)


def from_transport(error: httpx.HTTPError) -> EngineError:
    """The error behind a connection that failed. Its text is not kept: it may quote what came."""
    match error:
        case httpx.PoolTimeout():
            return EngineOverloaded("all connections to the model server are in use")
        case httpx.ConnectTimeout() | httpx.ConnectError():
            return EngineUnavailable("the model server cannot be reached")
        case httpx.TimeoutException():
            return EngineTimeout("the model server stayed silent for too long")
        case httpx.DecodingError():
            return EngineGarbage("the model server's answer is wrongly compressed")
        case _:
            return EngineUnavailable(f"the connection to the model server broke ({type(error).__name__})")


def retry_seconds(retry_after: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110, 10.2.3): a number or a date; None where it says neither."""
    value = (retry_after or "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    with suppress(ValueError, OverflowError):
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        return max(0.0, (date - now).total_seconds())
    return None


def _from_code(status: int, error: object) -> EngineError:
    said = error if isinstance(error, dict) else {}
    if status in _MAY_BE_TOO_LONG and _TOO_LONG.search(f"{said.get('code')} {said.get('message')}"):
        return ContextTooLong("the page and its text do not fit into the model's context")
    setting = said.get("param")
    if _is_client_error(status) and isinstance(setting, str) and setting in _SETTINGS:
        return EngineUnavailable(f"the model server is not set up to take the field {setting} (status {status})")
    if status in _WRONG_KEY:
        return EngineUnavailable(f"the model server refuses the API key (status {status})")
    if status in _WRONG_PLACE:
        return EngineUnavailable(f"the model server knows no such model, or no such address (status {status})")
    if status == HTTPStatus.REQUEST_TIMEOUT or not _is_client_error(status):
        return EngineUnavailable(_worded(status))
    return EngineRefused(f"the model server refuses the page (status {status})")


def _is_client_error(status: int) -> bool:
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def _worded(status: int) -> str:
    if status in _OVERLOADED:
        return f"the model server takes no more work just now (status {status})"
    return f"the model server fails (status {status})"


def _error_in(body: bytes) -> object:
    """The error object of an answer's body, None where there is none."""
    with suppress(ValueError, RecursionError):
        answer: object = json.loads(body)
        if isinstance(answer, dict):
            return answer.get("error", answer)
    return None
