"""Locks on named things, each held by one unit of work until it ends."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Condition

from ocr_pipeline.domain.errors import DatabaseUnavailable


class KeyedLocks:
    """At most one owner a key. An owner may take the same key again; waiting is bounded by `timeout` (seconds)."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._owners: dict[Hashable, object] = {}
        self._changed = Condition()

    def acquire(self, key: Hashable, owner: object) -> None:
        """Wait for the key. Raises DatabaseUnavailable when another owner keeps it for too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._owners.get(key, owner) is owner, self._timeout):
                raise DatabaseUnavailable("another unit of work held a lock for too long")
            self._owners[key] = owner

    def try_acquire(self, key: Hashable, owner: object) -> bool:
        """Take the key, unless another owner has it."""
        with self._changed:
            return self._owners.setdefault(key, owner) is owner

    def release(self, owner: object) -> None:
        """Give back every key of this owner."""
        with self._changed:
            self._owners = {key: holder for key, holder in self._owners.items() if holder is not owner}
            self._changed.notify_all()
