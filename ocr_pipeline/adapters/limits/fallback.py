"""Counting alone for as long as the shared buckets are out of reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from ocr_pipeline import logs
from ocr_pipeline.domain.errors import Unavailable
from ocr_pipeline.ports.rate_limits import RateLimiter, Taken


class FallbackLimiter:
    """The `RateLimiter` port over shared buckets, and over this process's own ones while those do not answer.

    A lost server of buckets must neither shut the front door nor leave it without a limit: each process then counts
    alone, so a client gets at most its allowance times the number of processes, and starts with full buckets. What the
    client may have waiting, and how deep the lanes may be, are bounded elsewhere and do not depend on this.

    A dead server costs little: after a failure nobody asks it for `pause` seconds, then one request tries while the
    others go on with the own buckets. `counted` is called for each request that is judged alone. Both changes are
    logged once each. Safe between threads.
    """

    def __init__(
        self,
        shared: RateLimiter,
        own: RateLimiter,
        *,
        pause: float = 5.0,
        counted: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shared = shared
        self._own = own
        self._pause = pause
        self._counted = counted
        self._now = now
        self._lock = Lock()
        self._ask_again_at: float | None = None

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        """Take one token, if there is one."""
        if self._may_ask():
            try:
                taken = self._shared.take(client_id, per_second=per_second, burst=burst)
            except Unavailable as error:
                self._lost(error)
            else:
                self._back()
                return taken
        self._counted()
        return self._own.take(client_id, per_second=per_second, burst=burst)

    def _may_ask(self) -> bool:
        with self._lock:
            if self._ask_again_at is None:
                return True
            if self._now() < self._ask_again_at:
                return False
            # Who asks now is the only one until the next pause is over.
            self._ask_again_at = self._now() + self._pause
            return True

    def _lost(self, error: Unavailable) -> None:
        with self._lock:
            first = self._ask_again_at is None
            self._ask_again_at = self._now() + self._pause
        if first:
            logs.get(__name__).warning("requests are counted by each process alone", code=error.code)

    def _back(self) -> None:
        with self._lock:
            again, self._ask_again_at = self._ask_again_at is not None, None
        if again:
            logs.get(__name__).info("requests are counted together again")
