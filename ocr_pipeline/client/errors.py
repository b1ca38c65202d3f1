"""What goes wrong with a request, as the server says it (RFC 9457)."""

from __future__ import annotations

from typing import Any, Self

import httpx


class ApiError(Exception):
    """The server answered that it will not, or cannot. `code` is stable; `title` and `detail` are for people.

    `status` is the HTTP status, `request_id` what to name to those who run the server, `members` the whole problem
    (where it is known also `reason`, `limit`, `errors`). No part of it holds a word of a document.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str | None = None,
        request_id: str | None = None,
        members: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(status, code, title, detail, request_id)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.members = members or {}

    def __str__(self) -> str:
        said = f"{self.status} {self.code}: {self.detail or self.title}"
        return said if self.request_id is None else f"{said} (request {self.request_id})"

    @classmethod
    def of(cls, response: httpx.Response) -> Self:
        """From an answer that was read. Whoever stands between may answer otherwise than with a problem."""
        problem = _problem(response)
        return cls(
            response.status_code,
            str(problem.get("code", "unknown")),
            str(problem.get("title", response.reason_phrase)),
            _text(problem.get("detail")),
            _text(problem.get("request_id")),
            problem,
        )


def _problem(response: httpx.Response) -> dict[str, Any]:
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
