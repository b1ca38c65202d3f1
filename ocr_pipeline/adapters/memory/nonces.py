"""Nonces of signed requests, for one process."""

from __future__ import annotations

from datetime import datetime
from threading import Lock


class MemoryNonces:
    """The `Nonces` port over a table that lives as long as this object. Safe between threads."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._expiries: dict[tuple[str, str], datetime] = {}

    def claim(self, key_id: str, nonce: str, *, until: datetime) -> bool:
        """Whether this call is the first with this nonce of this key."""
        with self._mutex:
            if (key_id, nonce) in self._expiries:
                return False
            self._expiries[key_id, nonce] = until
            return True

    def forget(self, before: datetime) -> int:
        """Drop those kept until an earlier time; returns how many there were."""
        with self._mutex:
            kept = {name: expiry for name, expiry in self._expiries.items() if expiry >= before}
            dropped = len(self._expiries) - len(kept)
            self._expiries = kept
            return dropped
