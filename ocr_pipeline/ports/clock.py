"""Time and identity, handed in so that tests own them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    """Wall time and elapsed time."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back."""
        ...


class Ids(Protocol):
    """Fresh identifiers."""

    def new(self) -> UUID:
        """A version 7 UUID: time-ordered, never the same twice."""
        ...
