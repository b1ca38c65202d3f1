"""Token buckets of one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from ocr_pipeline.adapters.limits.pace import Pace
from ocr_pipeline.ports.rate_limits import Taken

_SWEEP_AT = 10_000


class MemoryLimiter:
    """The `RateLimiter` port within one process; `now` gives seconds. Safe between threads.

    Several processes give a client its allowance several times over.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._full_at: dict[str, int] = {}
        self._sweep_at = _SWEEP_AT

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        """Take one token, if there is one. The rate counts to the microsecond."""
        pace = Pace.of(per_second, burst)
        with self._lock:
            now = round(self._now() * 1_000_000)
            until_full = pace.bounded(self._full_at.get(client_id, now) - now)
            allowed = until_full <= pace.patience
            if allowed:
                until_full += pace.cost
            self._full_at[client_id] = now + until_full
            self._forget_the_full(now)
        return pace.taken(allowed, until_full)

    def _forget_the_full(self, now: int) -> None:
        """A full bucket is as good as none. Looks at all of them only after their number has doubled."""
        if len(self._full_at) >= self._sweep_at:
            self._full_at = {client_id: full_at for client_id, full_at in self._full_at.items() if full_at > now}
            self._sweep_at = max(_SWEEP_AT, 2 * len(self._full_at))
