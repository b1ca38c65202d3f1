"""How long to wait before a server is started again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffRules:
    """Seconds: `first` after one fault, twice as long after each more, at most `cap`.

    A server that was ready for `settled` seconds in its life has made up for the faults before.
    """

    first: float = 1.0
    cap: float = 60.0
    settled: float = 300.0


class Backoff:
    """Counts faults in a row. `draw` gives numbers in [0, 1): many servers must not come back in step."""

    def __init__(self, rules: BackoffRules, draw: Callable[[], float]) -> None:
        self._rules = rules
        self._draw = draw
        self._faults = 0

    def after(self, ready_seconds: float) -> float:
        """Seconds to wait after the end of a server that was ready for so long: from half of the bound to all of it."""
        if ready_seconds >= self._rules.settled:
            self._faults = 0
        bound = min(self._rules.cap, self._rules.first * 2.0 ** min(self._faults, 32))
        self._faults += 1
        return bound * (1 + self._draw()) / 2
