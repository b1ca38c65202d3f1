"""Several generation servers as one: a page is run on one of them, and somewhere else when that one falls ill.

Everything happens on one event loop, so there are no locks: between two awaits nothing else runs. What follows from a
failure is settled in `failover`, which pages may be killers in `suspects`, who is healthy in `health`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, TypeVar

from ocr_pipeline.domain.errors import EngineError, EngineUnavailable
from ocr_pipeline.ports.generation import GenerationServer
from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.breaker import Breaker, BreakerRules
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.errands import Errands
from ocr_pipeline.recognition.pool.failover import Failover, RestRules
from ocr_pipeline.recognition.pool.fleet import Fleet
from ocr_pipeline.recognition.pool.health import HealthRules, Monitor, Probe
from ocr_pipeline.recognition.pool.line import Journey, WaitingLine
from ocr_pipeline.recognition.pool.member import Lease, Member
from ocr_pipeline.recognition.pool.membership import AddressSource, Connect, Membership, MembershipRules
from ocr_pipeline.recognition.pool.node import Node
from ocr_pipeline.recognition.pool.observer import PoolObserver, PoolSnapshot
from ocr_pipeline.recognition.pool.outliers import OutlierRules, Outliers
from ocr_pipeline.recognition.pool.strategies import Strategy
from ocr_pipeline.recognition.pool.suspects import Suspects, SuspicionRules

__all__ = ["Lease", "PoolRules", "ServerPool"]

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PoolRules:
    """All bounds of a pool; `max_concurrent` pages at most are on a server, `close_within` seconds may closing take."""

    max_concurrent: int = 32
    close_within: float = 5.0
    breaker: BreakerRules = field(default_factory=BreakerRules)
    health: HealthRules = field(default_factory=HealthRules)
    membership: MembershipRules = field(default_factory=MembershipRules)
    outliers: OutlierRules = field(default_factory=OutlierRules)
    rest: RestRules = field(default_factory=RestRules)
    suspicion: SuspicionRules = field(default_factory=SuspicionRules)


class ServerPool:
    """Runs pages on servers. Made anywhere, but started, used and closed on one event loop."""

    def __init__(
        self,
        source: AddressSource,
        connect: Connect,
        probe: Probe,
        strategy: Strategy,
        *,
        affinity: SessionAffinity | None = None,
        observer: PoolObserver | None = None,
        rules: PoolRules | None = None,
    ) -> None:
        self._rules = rules = rules or PoolRules()
        observer = observer or PoolObserver()
        now = self._now = loop_time
        self._errands = Errands(now)
        self._fleet = Fleet(Outliers(rules.outliers, now), now)
        self._line = WaitingLine(self._fleet, strategy, affinity, now)
        changed = self._line.changed
        self._suspects = Suspects(rules.suspicion, now)
        self._monitor = Monitor(probe, rules.health, self._errands, observer, now, changed)
        self._failover = Failover(self._fleet, self._monitor, self._suspects, rules.rest, observer, now, changed)
        self._membership = Membership(
            source,
            connect,
            rules.membership,
            fleet=self._fleet,
            recruit=self._recruit,
            keep=self._keep,
            changed=changed,
            errands=self._errands,
            observer=observer,
            now=now,
        )
        self._arrivals = count()
        self._refusal: str | None = "the pool was not started"

    async def start(self) -> None:
        """Ask the source for servers and prove them, within one probe's time; from then on keep watch."""
        self._refusal = None
        await self._membership.refresh()
        self._keeper(self._membership.follow())
        deadline = self._now() + self._rules.health.probe_deadline
        await asyncio.gather(*(self._monitor.verdict(each, deadline) for each in self._fleet.members.values()))

    async def close(self) -> None:
        """Cancel all pages, whose callers hear EngineUnavailable, and close all servers. Safe to call twice."""
        self._refuse("the pool is closed")
        for member in self._fleet.members.values():
            member.lose_all()
        await self._errands.close(self._rules.close_within)
        await self._membership.close()

    async def drain(self, server: str) -> None:
        """Give a server no more pages, wait for those in its hands, and close it.

        It stays out until the source stops naming it and names it again. Raises NotFound.
        """
        await self._membership.drain(server)

    async def check(self) -> None:
        """Raise EngineUnavailable unless some server reads the known picture now."""
        self._require_open()
        deadline = self._now() + self._rules.health.probe_deadline
        members = [member for member in self._fleet.members.values() if not member.leaving]
        for answer in asyncio.as_completed([self._monitor.verdict(member, deadline) for member in members]):
            if await answer:
                return
        raise EngineUnavailable("no server reads the known picture")

    def snapshot(self) -> PoolSnapshot:
        """How things stand, for metrics."""
        return PoolSnapshot(self._line.waiting, self._fleet.snapshots())

    async def run(
        self,
        work: Callable[[Lease], Awaitable[Result]],
        *,
        session: str | None = None,
        deadline: float,
        priority: int = 1,
        page: str | None = None,
    ) -> Result:
        """Do a page's work on a server, and again on another when that one falls ill.

        `deadline` is a moment of the event loop's clock: there the work is cancelled, and not waited for. The lower
        `priority` goes first. Pages of one `session` go to one server where the pool has an affinity. `page` is an
        opaque name that stays the same over a page's attempts and says nothing of it; see `suspects`.

        Raises EngineUnavailable when no server is ready, EngineOverloaded when all ask for rest or none has room in
        time, EngineTimeout past the deadline, EngineError for a page that is blamed, and what else the work raises.
        """
        suspicion = self._suspects.of(page)
        journey = Journey(next(self._arrivals), priority, session, page, self._now(), deadline, suspicion)
        while True:
            self._require_open()
            lease = await self._line.admit(journey)
            task = self._errands.start(self._perform(work, lease, journey))
            lease.begin(task)
            task.add_done_callback(partial(self._ended, lease))
            try:
                if not await lease.over(deadline):
                    raise self._failover.overdue(lease, journey)
            finally:
                task.cancel()
            try:
                result = _result_of(task)
            except EngineError as error:
                self._require_open()
                await self._failover.settle(error, lease, journey)
            else:
                self._failover.succeeded(lease, journey)
                return result

    async def _perform(self, work: Callable[[Lease], Awaitable[Result]], lease: Lease, journey: Journey) -> Result:
        if not await self._failover.proven(lease, journey):
            raise EngineUnavailable("the server gives no sign of life")
        lease.handed = self._now()
        return await work(lease)

    def _ended(self, lease: Lease, _task: asyncio.Task[Any]) -> None:
        self._line.give_back(lease)

    def _recruit(self, server: GenerationServer) -> Member:
        breaker = Breaker(self._rules.breaker, self._now, unproven=True)
        return Member(server, Node(server.id, self._rules.max_concurrent), breaker, self._now)

    def _keep(self, member: Member) -> tuple[asyncio.Task[None], ...]:
        return self._keeper(self._monitor.watch(member)), self._keeper(self._monitor.poll(member))

    def _keeper(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._errands.start(work)
        task.add_done_callback(self._keeper_ended)
        return task

    def _keeper_ended(self, task: asyncio.Task[None]) -> None:
        # A keeper never ends by itself. One that does is a fault in the code, and servers that nobody watches are
        # worse than none.
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._refuse("a task that kept watch over the servers has failed")
            task.get_loop().call_exception_handler({"message": "a pool's keeper failed", "exception": error})

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        self._line.close()

    def _require_open(self) -> None:
        if self._refusal is not None:
            raise EngineUnavailable(self._refusal)


def _result_of(task: asyncio.Task[Result]) -> Result:
    if not task.done() or task.cancelled():
        raise EngineUnavailable("the work was stopped")
    return task.result()
