"""Where pages wait for a server: the lower priority number first, then the first come."""

from __future__ import annotations

import asyncio
import math
from bisect import insort
from dataclasses import dataclass, field

from ocr_pipeline.domain.errors import EngineOverloaded, EngineUnavailable
from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.clock import Now
from ocr_pipeline.recognition.pool.fleet import Fleet, Readiness
from ocr_pipeline.recognition.pool.member import Lease
from ocr_pipeline.recognition.pool.strategies import Strategy
from ocr_pipeline.recognition.pool.suspects import Suspicion


@dataclass(slots=True, eq=False)
class Journey:
    """One page on its way to a result.

    `number` is its place in the order of arrival, kept when it changes servers; `left` are servers that it would
    rather not see again, and `broken_off` counts how often a healthy server let go of it.
    """

    number: int
    priority: int
    session: str | None
    page: str | None
    started: float
    deadline: float
    suspicion: Suspicion
    left: set[str] = field(default_factory=set)
    broken_off: int = 0


@dataclass(slots=True, eq=False)
class _Waiter:
    journey: Journey
    place: asyncio.Future[Lease]


class WaitingLine:
    """Gives out places on servers. Nobody waits when no server is ready, or when all that are ready rest."""

    def __init__(self, fleet: Fleet, strategy: Strategy, affinity: SessionAffinity | None, now: Now) -> None:
        self._fleet = fleet
        self._strategy = strategy
        self._affinity = affinity
        self._now = now
        self._waiters: list[_Waiter] = []
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many pages wait."""
        return len(self._waiters)

    async def admit(self, journey: Journey) -> Lease:
        """A place on a server, which is to be given back.

        Raises EngineUnavailable at once when no server is ready, EngineOverloaded when all rest or when none has room
        before the deadline.
        """
        if journey.deadline <= self._now():
            raise EngineOverloaded("there is no time left for a server")
        waiter = _Waiter(journey, asyncio.get_running_loop().create_future())
        insort(self._waiters, waiter, key=_rank)
        self.changed()
        try:
            async with asyncio.timeout_at(journey.deadline):
                return await waiter.place
        except TimeoutError:
            self._leave(waiter)
            raise EngineOverloaded("no server had room before the deadline") from None
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def give_back(self, lease: Lease) -> None:
        """The place is free again."""
        lease.member.give_back(lease)
        self.changed()

    def changed(self) -> None:
        """Something about the servers is different: places go to those who wait, as far as there are any."""
        self._waiters = [waiter for waiter in self._waiters if not waiter.place.done()]
        while self._waiters and (lease := self._place(self._waiters[0].journey)) is not None:
            self._waiters.pop(0).place.set_result(lease)
        readiness = self._fleet.readiness()
        if readiness is not Readiness.SERVING:
            self._turn_away(readiness)
        self._set_alarm()

    def close(self) -> None:
        """Turn away all who wait."""
        self._turn_away(Readiness.NONE_READY)
        self._set_alarm()

    def _leave(self, waiter: _Waiter) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        place = waiter.place
        # The place may have come in the very moment in which it was no longer wanted.
        if place.done() and not place.cancelled() and place.exception() is None:
            self.give_back(place.result())

    def _place(self, journey: Journey) -> Lease | None:
        members = self._fleet.open()
        fresh = [member for member in members if member.id not in journey.left] or members
        nodes = [member.node for member in fresh]
        node = None
        if self._affinity is not None and journey.session is not None:
            node = self._affinity.choose(nodes, journey.session)
        node = node or self._strategy.choose(nodes)
        return None if node is None else self._fleet.members[node.id].take()

    def _turn_away(self, readiness: Readiness) -> None:
        for waiter in self._waiters:
            if not waiter.place.done():
                waiter.place.set_exception(self._refusal(readiness))
        self._waiters.clear()

    def _refusal(self, readiness: Readiness) -> EngineUnavailable:
        if readiness is Readiness.ALL_REST:
            return EngineOverloaded("all servers have too much to do", retry_after=self._fleet.shortest_rest())
        return EngineUnavailable("no server is ready")

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        moment = self._fleet.next_change() if self._waiters else math.inf
        if moment < math.inf:
            self._alarm = asyncio.get_running_loop().call_at(moment, self.changed)


def _rank(waiter: _Waiter) -> tuple[int, int]:
    return waiter.journey.priority, waiter.journey.number
