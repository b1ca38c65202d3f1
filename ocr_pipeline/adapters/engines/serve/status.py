"""Where a supervised server stands, for those who ask from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum


class ServeState(StrEnum):
    """What the supervisor is at.

    `starting`: nobody answers yet. `reading`: the server answers, and has not, or not just now, read the known picture
    right. `draining`: told to stop, it lets running requests end. `restarting`: it waits before the next start.
    `failed`: it has given up.
    """

    STARTING = "starting"
    READING = "reading"
    READY = "ready"
    DRAINING = "draining"
    RESTARTING = "restarting"
    FAILED = "failed"


class Fault(StrEnum):
    """Why a server was at its end without being told."""

    EXITED = "exited"
    HUNG = "hung"
    NEVER_READY = "never_ready"


class Status:
    """The supervisor writes it, probes and metrics read it, all on one event loop.

    A good reading counts for `fresh` seconds of `clock`.
    """

    def __init__(self, fresh: float, clock: Callable[[], float]) -> None:
        self._fresh = fresh
        self._clock = clock
        self._state = ServeState.STARTING
        self._since = clock()
        self._read_at: float | None = None
        self.reading_seconds: float | None = None
        self.faults: Counter[Fault] = Counter()

    @property
    def state(self) -> ServeState:
        """What the supervisor is at; `ready` that is no longer fresh is `reading`."""
        stale = self._state is ServeState.READY and not self.ready
        return ServeState.READING if stale else self._state

    @property
    def seconds_in_state(self) -> float:
        """For how long."""
        return self._clock() - self._since

    @property
    def seconds_since_reading(self) -> float | None:
        """Age of the last good reading of the server that runs now; None before the first."""
        return None if self._read_at is None else self._clock() - self._read_at

    @property
    def ready(self) -> bool:
        """Whether pages may be sent: the last reading was good, and is fresh."""
        age = self.seconds_since_reading
        return self._state is ServeState.READY and age is not None and age <= self._fresh

    @property
    def live(self) -> bool:
        """Whether the supervisor still tries."""
        return self._state is not ServeState.FAILED

    def enter(self, state: ServeState) -> None:
        """Go over to a state. From `draining` only giving up leads on: who was told to stop becomes ready no more."""
        if state is self._state or (self._state is ServeState.DRAINING and state is not ServeState.FAILED):
            return
        self._state = state
        self._since = self._clock()
        if state is ServeState.STARTING:
            self._read_at = None

    def read_well(self, seconds: float) -> None:
        """The known picture was read right, which took so long."""
        self.reading_seconds = seconds
        self._read_at = self._clock()
        self.enter(ServeState.READY)
