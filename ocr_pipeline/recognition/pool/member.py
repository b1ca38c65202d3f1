"""A server in the pool, and the pages in its hands."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import Any

from ocr_pipeline.ports.generation import GenerationServer
from ocr_pipeline.recognition.pool.breaker import Breaker
from ocr_pipeline.recognition.pool.clock import Now
from ocr_pipeline.recognition.pool.node import Node
from ocr_pipeline.recognition.pool.observer import ServerState
from ocr_pipeline.recognition.pool.outliers import PageOutcome


class Lease:
    """A page's place on a server, until its work has ended."""

    def __init__(self, member: Member, now: Now) -> None:
        self.member = member
        self.lost = False
        self.handed: float | None = None
        self.tokens = 0
        self._now = now
        self._task: asyncio.Task[Any] | None = None
        self._over = asyncio.Event()
        self._first = self._latest = 0.0

    @property
    def server(self) -> GenerationServer:
        """The server to ask."""
        return self.member.server

    def progressed(self) -> None:
        """A token came: the server is alive."""
        if self.lost:
            return
        self._latest = self._now()
        self.tokens += 1
        if self.tokens == 1:
            self._first = self._latest
        self.member.showed_life(self._latest)

    def begin(self, task: asyncio.Task[Any]) -> None:
        """The task does the page's work."""
        self._task = task
        task.add_done_callback(lambda _: self._over.set())

    async def over(self, deadline: float) -> bool:
        """Wait until the work has ended or the server is lost; False when the moment comes first.

        Work whose server is lost may still be tidying up: a connection to a server that hangs can take its time.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._over.wait()
        return self._over.is_set()

    def lose(self) -> None:
        """The server is ill: the work is cancelled, and its page looks for another server."""
        self.lost = True
        self._over.set()
        if self._task is not None:
            self._task.cancel()

    def outcome(self, *, failed: bool) -> PageOutcome:
        """What this page says of its server."""
        return PageOutcome(failed, self._latest - self._first, max(0, self.tokens - 1))


class Member:
    """A server, what is known of it, and who uses it.

    `last_sign` is the moment of the last token or successful probe, `busy_since` that from which it has had pages in
    hand. A server is in doubt from a page's failure there until the probe that follows has ended, unless it gives a
    sign of life before: it gets no new pages, or a dead server, always the least loaded, would draw them all in.
    """

    def __init__(self, server: GenerationServer, node: Node, breaker: Breaker, now: Now) -> None:
        self.server = server
        self.node = node
        self.breaker = breaker
        self.leases: set[Lease] = set()
        self.leaving = False
        self.last_sign = -math.inf
        self.busy_since = -math.inf
        self.resting_until = -math.inf
        self.probing: asyncio.Task[bool] | None = None
        self.stirred = asyncio.Event()
        self.vacated = asyncio.Event()
        self.vacated.set()
        self._now = now
        self._proven = False
        self._doubted: float | None = None

    @property
    def id(self) -> str:
        """The server's name."""
        return self.node.id

    @property
    def state(self) -> ServerState:
        """Where it stands."""
        if self.leaving:
            return ServerState.LEAVING
        if self.node.healthy:
            return ServerState.READY
        return ServerState.ILL if self._proven else ServerState.JOINING

    @property
    def is_ready(self) -> bool:
        """Whether it reads pages; it may be full, resting, ejected or in doubt all the same."""
        return self.node.healthy and not self.leaving

    @property
    def is_resting(self) -> bool:
        """Whether it asked to be left alone for now."""
        return self.resting_until > self._now()

    @property
    def is_open(self) -> bool:
        """Whether it takes one more page: it has room and is not in doubt."""
        return self.node.has_room and (self._doubted is None or self.last_sign > self._doubted)

    def take(self) -> Lease:
        """A place for one page."""
        lease = Lease(self, self._now)
        if not self.leases:
            self.busy_since = self._now()
            self.stirred.set()
        self.leases.add(lease)
        self.node.in_flight += 1
        self.vacated.clear()
        return lease

    def give_back(self, lease: Lease) -> None:
        """The page's work has ended."""
        self.leases.remove(lease)
        self.node.in_flight -= 1
        if not self.leases:
            self.vacated.set()

    def showed_life(self, moment: float) -> None:
        """A token or the known picture came from it."""
        self.last_sign = max(self.last_sign, moment)

    def doubt(self) -> None:
        """A page failed there, and nobody knows yet whose fault that is."""
        if self._doubted is None:
            self._doubted = self._now()

    def recovered(self) -> None:
        """It is healthy."""
        self.breaker.succeeded()
        self.node.healthy = self._proven = True
        self._doubted = None

    def fell_ill(self) -> None:
        """It is not healthy: all pages in its hands are lost to it."""
        self.breaker.failed()
        self.node.healthy = False
        self._doubted = None
        self.stirred.set()
        self.lose_all()

    def lose_all(self) -> None:
        """No page gets anything more from it."""
        for lease in tuple(self.leases):
            lease.lose()
