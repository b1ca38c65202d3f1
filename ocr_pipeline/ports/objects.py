"""Where encrypted bytes lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol


class ObjectWriter(Protocol):
    """An object on its way into the store, in pieces of any size. Used by one thread at a time."""

    def write(self, data: bytes) -> None:
        """Add a piece. Raises StoreFull, StoreUnavailable."""
        ...

    def commit(self, *, if_absent: bool = False) -> None:
        """Keep what was written, wholly or not at all, as `ObjectStore.put` does. At most once."""
        ...


class ObjectStore(Protocol):
    """A flat store of small objects (at most a few tens of MiB). Keys hold ids only. Safe between threads.

    Every method raises StoreUnavailable when the store does not answer and StoreFull when it has no room.
    """

    def put(self, key: str, data: bytes, *, if_absent: bool = False) -> None:
        """Keep `data` under `key`, wholly or not at all; a reader never sees half of it.

        With `if_absent`, raises ObjectExists when the key is taken: of several writers at once exactly one wins.
        """
        ...

    def writing(self, key: str) -> AbstractContextManager[ObjectWriter]:
        """Keep an object that arrives in pieces, in little memory; leaving the block uncommitted leaves nothing."""
        ...

    def get(self, key: str) -> bytes:
        """The bytes as they were put. Raises ObjectMissing, IntegrityError when a checksum does not hold."""
        ...

    def exists(self, key: str) -> bool:
        """Whether the key is there."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; a key that is not there is no error."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Remove every object under the prefix; returns how many there were."""
        ...

    def keys(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """The keys under a prefix, in order; only those behind `after`, which need not be there.

        It may not name a folder of keys (`a` where there is `a/b`): with some servers that hides what lies in it.
        """
        ...

    def check(self) -> None:
        """Prove with a small write and read that the store works. Raises StoreUnavailable or StoreFull."""
        ...
