"""Work taken in turn: owner after owner, and no owner has more than a share of the hands."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
Work = TypeVar("Work")


class Turns(Generic[Owner, Work]):
    """Waiting work of several owners. Safe between threads.

    An owner whose work takes long keeps at most `share` hands busy; its other work waits and nobody else's does.
    """

    def __init__(self, share: int) -> None:
        self._share = share
        self._waiting: dict[Owner, deque[Work]] = {}
        self._in_hand: Counter[Owner] = Counter()
        self._lock = Lock()

    def __len__(self) -> int:
        """How many pieces wait."""
        with self._lock:
            return sum(len(pieces) for pieces in self._waiting.values())

    def add(self, owner: Owner, work: Work) -> None:
        """Put a piece behind the owner's others."""
        with self._lock:
            self._waiting.setdefault(owner, deque()).append(work)

    @contextmanager
    def take(self) -> Iterator[Work | None]:
        """The next piece, in hand until the block ends; None when nothing may be taken now."""
        owner, work = None, None
        with self._lock:
            owner = next((each for each in self._waiting if self._in_hand[each] < self._share), None)
            if owner is not None:
                work = self._next_of(owner)
        try:
            yield work
        finally:
            if owner is not None:
                with self._lock:
                    self._in_hand[owner] -= 1

    def _next_of(self, owner: Owner) -> Work:
        """The owner's first piece; with what is left the owner goes to the end of the line."""
        pieces = self._waiting.pop(owner)
        work = pieces.popleft()
        if pieces:
            self._waiting[owner] = pieces
        self._in_hand[owner] += 1
        return work
