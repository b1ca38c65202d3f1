"""An object store in memory: for tests and trials."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from ocr_pipeline.adapters.objects.object_key import checked_deletion_prefix, checked_key, checked_prefix
from ocr_pipeline.domain.errors import ObjectExists, ObjectMissing, StoreFull, StoreUnavailable


class MemoryObjectStore:
    """Objects in a dictionary. `capacity` is in bytes; `available = False` makes it a store that does not answer."""

    def __init__(self, capacity: int | None = None) -> None:
        self.available = True
        self._capacity = capacity
        self._lock = threading.Lock()
        self._objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Keep `data` under `key`. Raises ObjectExists, StoreFull or StoreUnavailable."""
        checked_key(key)
        with self._lock:
            self._check_available()
            if if_absent and key in self._objects:
                raise ObjectExists("the object is there already")
            others = sum(len(kept) for other, kept in self._objects.items() if other != key)
            if self._capacity is not None and others + len(data) > self._capacity:
                raise StoreFull("the object store has no room left")
            self._objects[key] = bytes(data)

    @contextmanager
    def writing(self, key: str) -> Iterator[MemoryWriter]:
        """Keep an object that arrives in pieces. Raises StoreUnavailable."""
        checked_key(key)
        self.check()
        with BytesIO() as pieces:
            yield MemoryWriter(self, key, pieces)

    def get(self, key: str) -> bytes:
        """The bytes as they were put. Raises ObjectMissing or StoreUnavailable."""
        checked_key(key)
        with self._lock:
            self._check_available()
            if key not in self._objects:
                raise ObjectMissing("the object is not there")
            return self._objects[key]

    def exists(self, key: str) -> bool:
        """Whether the key is there. Raises StoreUnavailable."""
        checked_key(key)
        with self._lock:
            self._check_available()
            return key in self._objects

    def delete(self, key: str) -> None:
        """Remove the object; a key that is not there is no error. Raises StoreUnavailable."""
        checked_key(key)
        with self._lock:
            self._check_available()
            self._objects.pop(key, None)

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object under the prefix, which may not be empty; returns how many there were."""
        checked_deletion_prefix(prefix)
        with self._lock:
            self._check_available()
            doomed = [key for key in self._objects if key.startswith(prefix)]
            for key in doomed:
                del self._objects[key]
            return len(doomed)

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """The keys under a prefix behind `after`, in order. Raises StoreUnavailable."""
        checked_prefix(prefix)
        checked_prefix(after)
        with self._lock:
            self._check_available()
            return iter(sorted(key for key in self._objects if key.startswith(prefix) and key > after))

    def check(self) -> None:
        """Raise StoreUnavailable while the store is switched off."""
        with self._lock:
            self._check_available()

    def _check_available(self) -> None:
        if not self.available:
            raise StoreUnavailable("the object store does not answer")


class MemoryWriter:
    """The pieces of an object on its way into a MemoryObjectStore."""

    def __init__(self, store: MemoryObjectStore, key: str, pieces: BytesIO) -> None:
        self._store = store
        self._key = key
        self._pieces = pieces

    def write(self, data: bytes) -> None:
        """Add a piece. Raises StoreUnavailable; ValueError once the object was committed."""
        self._store.check()
        self._pieces.write(data)

    def commit(self, *, if_absent: bool = False) -> None:
        """Keep the object. Raises ObjectExists, StoreFull, StoreUnavailable; ValueError the second time."""
        data = self._pieces.getvalue()
        self._pieces.close()
        self._store.put(self._key, data, if_absent=if_absent)
