"""Trying again: when the server is busy and says when to come back, and when the connection breaks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

BROKEN = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)
"""The connection failed: nobody knows whether the request arrived."""

BUSY = frozenset({429, 503})
"""Answers that ask to come back later."""


@dataclass(frozen=True, slots=True)
class Retries:
    """`attempts` in all; a pause of `first` seconds, doubled each time, or what Retry-After says.

    A server that asks for more than `longest` seconds gets no further attempt.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("there is at least one attempt")

    def run(self, attempt: Callable[[], httpx.Response]) -> httpx.Response:
        """The first answer that is not a request to come back, or the last one. Raises what the last attempt did."""
        for number in range(1, self.attempts):
            try:
                response = attempt()
            except BROKEN:
                self.sleep(self._pause(number))
                continue
            pause = self._asked_pause(response, number)
            if pause is None:
                return response
            response.close()
            self.sleep(pause)
        return attempt()

    def _asked_pause(self, response: httpx.Response, number: int) -> float | None:
        """Seconds until the next attempt, None where there is to be none."""
        if response.status_code not in BUSY:
            return None
        asked = retry_after(response)
        if asked is None:
            return self._pause(number)
        return asked if asked <= self.longest else None

    def _pause(self, number: int) -> float:
        """Between half and the whole of a pause that doubles: clients that failed together come back apart."""
        return float(min(self.longest, self.first * 2 ** (number - 1)) * random.uniform(0.5, 1))  # noqa: S311 - no secret


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110, section 10.2.3: a number or a date), None without one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    zoned = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (zoned - datetime.now(UTC)).total_seconds())
