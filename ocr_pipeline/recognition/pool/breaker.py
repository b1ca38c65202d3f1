"""A circuit breaker: what keeps pages from a server that failed, and how it comes back.

Closed lets pages through. A failure opens it, and nobody asks the server anything until a pause has passed; then it
is half open: one probe may go, and that probe's end closes it or opens it for a longer pause. Pauses grow up to a cap
of a few seconds, because a probe is cheap and a server that came back should work again soon: at worst a probe that
began just before has to time out, then one longest pause passes, and the next probe succeeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ocr_pipeline.recognition.pool.clock import Now


class BreakerState(StrEnum):
    """Whether pages go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Pauses in seconds after the first failure and later ones: each is `growth` times the last, up to `longest`."""

    first: float = 0.5
    growth: float = 2.0
    longest: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.first <= self.longest or self.growth < 1:
            raise ValueError("pauses are more than nothing and do not shrink")


class Breaker:
    """One server's breaker. Made closed, or `unproven`: open, with a probe due at once."""

    def __init__(self, rules: BreakerRules, now: Now, *, unproven: bool = False) -> None:
        self._rules = rules
        self._now = now
        self._pause = 0.0
        self._state = BreakerState.OPEN if unproven else BreakerState.CLOSED
        self._due = -math.inf

    @property
    def state(self) -> BreakerState:
        """Where it stands."""
        return self._state

    @property
    def is_closed(self) -> bool:
        """Whether pages go through."""
        return self._state is BreakerState.CLOSED

    @property
    def due(self) -> float:
        """When an open breaker may let a probe go."""
        return self._due

    def half_open(self) -> bool:
        """Let one probe go, if it is open and the pause has passed. Whoever is told True reports how it ended."""
        if self._state is not BreakerState.OPEN or self._now() < self._due:
            return False
        self._state = BreakerState.HALF_OPEN
        return True

    def succeeded(self) -> None:
        """The server read something. Closes the breaker, wherever it stood: there is no better proof."""
        self._pause = 0.0
        self._state = BreakerState.CLOSED

    def failed(self) -> None:
        """The server failed. Opens the breaker; each failure before the next success makes the pause longer."""
        self._pause = min(self._rules.longest, max(self._rules.first, self._pause * self._rules.growth))
        self._due = self._now() + self._pause
        self._state = BreakerState.OPEN
