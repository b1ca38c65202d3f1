"""A waiting line in memory: bounded, ordered, and counting what was taken and not yet finished."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(order=True, slots=True)
class _Place(Generic[Item]):
    rank: int
    number: int
    item: Item = field(compare=False)


class Line(Generic[Item]):
    """Lower ranks go first, and the first come first inside a rank. Safe between threads."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._changed = Condition()
        self._places: list[_Place[Item]] = []
        self._arrivals = 0
        self._in_hand = 0
        self._closed = False

    def put(self, item: Item, rank: int = 0) -> bool:
        """Stand in line; False when the line is full or closed."""
        with self._changed:
            if self._closed or len(self._places) >= self._capacity:
                return False
            self._arrivals += 1
            heapq.heappush(self._places, _Place(rank, self._arrivals, item))
            self._changed.notify()
            return True

    def take(self) -> Item | None:
        """The next item, waiting for one; None once a closed line is empty. Each item taken must be `finished`."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._places)
            if not self._places:
                return None
            self._in_hand += 1
            return heapq.heappop(self._places).item

    def finished(self) -> None:
        """An item that was taken is done with."""
        with self._changed:
            self._in_hand -= 1

    def close(self, *, forget: bool) -> None:
        """Take no more; what still stands in line is forgotten, or handed out before `take` says that it is over."""
        with self._changed:
            self._closed = True
            if forget:
                self._places.clear()
            self._changed.notify_all()

    @property
    def depth(self) -> int:
        """How many wait."""
        with self._changed:
            return len(self._places)

    @property
    def idle(self) -> bool:
        """Whether nobody waits and nothing is in hand."""
        with self._changed:
            return not self._places and not self._in_hand
