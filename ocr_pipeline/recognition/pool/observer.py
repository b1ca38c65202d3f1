"""Who is told what happens in a pool: counters and logs, in production.

Everything said here may be a metrics label or a log line: names of servers, codes of errors, never anything of a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ocr_pipeline.recognition.pool.breaker import BreakerState


class ServerState(StrEnum):
    """Where a server stands in the pool: not yet proven, in use, found ill, or given no more pages."""

    JOINING = "joining"
    READY = "ready"
    ILL = "ill"
    LEAVING = "leaving"


class OutlierReason(StrEnum):
    """In what a server is far from the others."""

    FAILURES = "failures"
    PACE = "pace"


@dataclass(frozen=True, slots=True)
class ServerSnapshot:
    """A server at one moment. `score` is its load score, `in_flight` counts the pages this pool has there."""

    id: str
    state: ServerState
    breaker: BreakerState
    in_flight: int
    active: int
    gpu_utilisation: float
    score: float
    ejected: bool
    resting: bool


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """A pool at one moment: pages that wait for a server, and the servers in order of their names."""

    waiting: int
    servers: tuple[ServerSnapshot, ...]


class PoolObserver:
    """Told of what happens, on the pool's event loop: must not block, must not raise.

    Does nothing; made to be extended.
    """

    def server_joined(self, server: str) -> None:
        """The source names a new server; it is probed before it is used."""

    def server_left(self, server: str) -> None:
        """A server gave back its last page and was closed."""

    def state_changed(self, server: str, state: ServerState) -> None:
        """A server was proven, found ill, or is to leave."""

    def page_failed(self, server: str, code: str) -> None:
        """A page failed on a server that was then found healthy; `code` is the error's."""

    def failed_over(self, server: str, code: str) -> None:
        """A page went on from this server to look for another."""

    def page_blamed(self, server: str) -> None:
        """A page was in hand when several live servers in a row fell ill; it is held against the page."""

    def resting(self, server: str, seconds: float) -> None:
        """A server said that it has too much to do; it gets no page for so long."""

    def ejected(self, server: str, reason: OutlierReason, seconds: float) -> None:
        """A server is far from the others; it gets no page for so long while there are others."""

    def load_failed(self, server: str, code: str) -> None:
        """A server did not say how busy it is."""

    def source_failed(self, code: str) -> None:
        """The source of addresses did not answer; the set of servers stays as it is."""

    def address_refused(self, code: str) -> None:
        """The source named something that is no address of a server; it is left out."""
