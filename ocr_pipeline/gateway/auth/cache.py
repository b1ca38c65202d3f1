"""A small memory that forgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ExpiringCache(Generic[Key, Value]):
    """Keeps `size` values at most, the oldest going first, and none for longer than `seconds`. Safe between threads.

    `now` gives seconds that never go back. A value's time is not prolonged by being read.
    """

    def __init__(self, seconds: float, size: int, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._size = size
        self._now = now
        self._lock = Lock()
        self._kept: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """What was put under the key, None when that is too long ago."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            until, value = found
            if self._now() < until:
                return value
            del self._kept[key]
            return None

    def put(self, key: Key, value: Value) -> None:
        """Keep a value from now on."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (self._now() + self._seconds, value)
            if len(self._kept) > self._size:
                self._kept.popitem(last=False)
