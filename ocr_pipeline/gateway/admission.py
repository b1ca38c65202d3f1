"""How much each client may ask for, and when nobody may: rate, pages that wait, and the depth of the lanes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from ocr_pipeline import logs
from ocr_pipeline.domain.clients import Allowance
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.priorities import Priority, Stage, lane
from ocr_pipeline.gateway.auth import Principal
from ocr_pipeline.gateway.auth.cache import ExpiringCache
from ocr_pipeline.gateway.problems import Problem, retry_after
from ocr_pipeline.ports.rate_limits import RateLimiter, Taken
from ocr_pipeline.ports.records import Records

_MINUTE = 60.0
_LOOK_SECONDS = 2.0
_CLIENTS = 4_096
_COUNTED_AT_ONCE = 64
_QUOTA_RETRY_SECONDS = 30.0
_LANE_RETRY_SECONDS = 30.0


class Admission:
    """Charges requests to clients, and turns documents away before their body is read."""

    def __init__(self, limiter: RateLimiter, waiting: WaitingPages, lanes: LaneDepths, most: int) -> None:
        self._limiter = limiter
        self._waiting = waiting
        self._lanes = lanes
        self._most = most

    def charge(self, principal: Principal) -> dict[str, str]:
        """Take one request from the client's bucket; returns the headers that say what is left.

        Raises Problem (429) where the bucket is empty.
        """
        allowance = principal.client.allowance
        taken = self._take(principal, allowance)
        headers = limit_headers(allowance, taken)
        if not taken.allowed:
            raise Problem("rate_limited", headers={**headers, **retry_after(taken.retry_after)})
        return headers

    @contextmanager
    def room(self, principal: Principal, priority: Priority) -> Iterator[None]:
        """Room for one document, held while it arrives.

        Raises Problem: 429 when too many pages of the client wait, 503 when the lane is full of work.
        """
        if self._lanes.deepest(priority) >= self._most:
            raise Problem("overloaded", headers=retry_after(_LANE_RETRY_SECONDS))
        quota = principal.client.allowance.queued_pages
        if not self._waiting.let_in(principal.client_id, quota):
            raise Problem("quota_exceeded", headers=retry_after(_QUOTA_RETRY_SECONDS), limit=f"queued_pages={quota}")
        try:
            yield
        finally:
            self._waiting.arrived(principal.client_id)

    def _take(self, principal: Principal, allowance: Allowance) -> Taken:
        return self._limiter.take(
            principal.client_id, per_second=allowance.requests_per_minute / _MINUTE, burst=allowance.burst
        )


class WaitingPages:
    """How many pages of each client wait, counted in the database every other second at most. Safe between threads.

    In between, each document that is let in here counts as one page more, as the database counts it until it is
    opened; and each that is still arriving, so that the database does not know it, counts beside what that says.
    Nobody is turned away on a count that is not fresh; what other processes let in meanwhile is all that can exceed a
    quota.
    """

    def __init__(self, records: Records, now: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._counts: ExpiringCache[ClientId, _Count] = ExpiringCache(_LOOK_SECONDS, _CLIENTS, now)
        self._arriving: Counter[ClientId] = Counter()
        self._lock = Lock()
        # One count of a client at a time: of two, neither would know whom the other lets in.
        self._counting = [Lock() for _ in range(_COUNTED_AT_ONCE)]

    def let_in(self, client_id: ClientId, quota: int) -> bool:
        """Whether one more document of the client is let in; if so, `arrived` is to be called when it has come."""
        if self._take(client_id, quota):
            return True
        with self._counting[hash(client_id) % _COUNTED_AT_ONCE]:
            if self._take(client_id, quota):  # somebody has counted meanwhile
                return True
            arriving = self._arriving[client_id]
            with self._records() as uow:
                self._counts.put(client_id, _Count(arriving + uow.documents.waiting_pages(client_id)))
            return self._take(client_id, quota)

    def arrived(self, client_id: ClientId) -> None:
        """A document that was let in is recorded by now, or will not come."""
        with self._lock:
            self._arriving[client_id] -= 1
            if not self._arriving[client_id]:
                del self._arriving[client_id]

    def _take(self, client_id: ClientId, quota: int) -> bool:
        known = self._counts.get(client_id)
        if known is None or not known.take(quota):
            return False
        with self._lock:
            self._arriving[client_id] += 1
        return True


class _Count:
    """Pages that wait, counted on from what the database said."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._lock = Lock()

    def take(self, quota: int) -> bool:
        """Count one more, unless there are as many as may be."""
        with self._lock:
            if self._pages >= quota:
                return False
            self._pages += 1
            return True


class LaneDepths:
    """How much work waits in the lanes, asked of the broker every other second at most. Safe between threads.

    A broker that does not answer turns nobody away: the database keeps the work, and the sweep sends it later.
    """

    def __init__(self, depths: Callable[[], dict[str, int]], now: Callable[[], float] = time.monotonic) -> None:
        self._depths = depths
        self._now = now
        self._lock = Lock()
        self._known: dict[str, int] = {}
        self._looked: float | None = None

    def deepest(self, priority: Priority) -> int:
        """The most messages that wait in either lane of the class."""
        with self._lock:
            if self._looked is None or self._now() - self._looked >= _LOOK_SECONDS:
                self._looked = self._now()
                self._known = self._look()
            known = self._known
        return max(known.get(lane(stage, priority), 0) for stage in (Stage.INTAKE, Stage.RECOGNITION))

    def _look(self) -> dict[str, int]:
        try:
            return self._depths()
        except PipelineError as error:
            logs.get(__name__).warning("the depth of the lanes is not known", code=error.code)
            return {}


def limit_headers(allowance: Allowance, taken: Taken) -> dict[str, str]:
    """Quota, window and what is left of it, in the headers of draft-ietf-httpapi-ratelimit-headers."""
    window = max(1, round(allowance.burst * _MINUTE / allowance.requests_per_minute))
    return {
        "RateLimit-Policy": f'"client";q={allowance.burst};w={window}',
        "RateLimit": f'"client";r={taken.remaining};t={max(0, round(taken.reset_after))}',
    }
