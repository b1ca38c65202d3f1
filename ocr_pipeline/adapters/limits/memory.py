"""Token buckets of one process, for tests and for a gateway that runs as a single process."""

from __future__ import annotations

from throttled.store import MemoryStore

from ocr_pipeline.adapters.limits.gcra import take_one
from ocr_pipeline.ports.rate_limits import Taken

_MOST_BUCKETS = 100_000
"""The least recently asked bucket beyond these is forgotten, so that made-up clients cannot fill the memory."""


class MemoryLimiter:
    """The `RateLimiter` port over buckets that live as long as this object. Safe between threads."""

    def __init__(self) -> None:
        self._store = MemoryStore(options={"MAX_SIZE": _MOST_BUCKETS})

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        """Take one token, if there is one. A changed allowance starts with a full bucket."""
        return take_one(self._store, client_id, per_second=per_second, burst=burst)

    def close(self) -> None:
        """Nothing is held that needs giving back."""
