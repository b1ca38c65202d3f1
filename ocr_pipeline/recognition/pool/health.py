"""Who is healthy: a server that wrote a token or read the known picture lately.

While tokens flow nobody is probed: they are the proof. A server that has pages in hand and stays silent is probed
soon, an idle one now and then. A server that fails its probe is ill: its breaker opens, the pages in its hands are
lost to it and go elsewhere, and after each of the breaker's pauses one probe asks whether it is back.

Servers are also asked how busy they are. One that does not say is not ill for that; after a while its last answer no
longer counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ocr_pipeline.domain.errors import EngineError, EngineTimeout, EngineUnavailable
from ocr_pipeline.ports.generation import GenerationServer
from ocr_pipeline.recognition.pool.clock import Now
from ocr_pipeline.recognition.pool.errands import Errands
from ocr_pipeline.recognition.pool.member import Member
from ocr_pipeline.recognition.pool.observer import PoolObserver

Probe = Callable[[GenerationServer], Awaitable[None]]
"""A tiny real generation of a known picture on one server. Raises EngineError unless it was read."""


@dataclass(frozen=True, slots=True)
class HealthRules:
    """Times in seconds.

    A server with pages in hand is probed after `quiet` without a sign of life, one without pages after `idle`. Its
    load is asked for every `load_interval`, and forgotten when it has not answered for `load_stale`.

    A server that hangs is found after `quiet` + `probe_deadline`; one that comes back is used again after at most
    `probe_deadline` + the breaker's longest pause + one probe. The defaults make both 8 s.
    """

    quiet: float = 3.0
    idle: float = 30.0
    probe_deadline: float = 5.0
    load_interval: float = 1.0
    load_deadline: float = 2.0
    load_stale: float = 5.0


class Monitor:
    """Watches servers. `changed` is called whenever a server may take more pages than before, or fewer."""

    def __init__(
        self,
        probe: Probe,
        rules: HealthRules,
        errands: Errands,
        observer: PoolObserver,
        now: Now,
        changed: Callable[[], None],
    ) -> None:
        self._probe = probe
        self._rules = rules
        self._errands = errands
        self._observer = observer
        self._now = now
        self._changed = changed

    async def verdict(self, member: Member, deadline: float) -> bool | None:
        """Whether the server is healthy, by a probe that starts now or, if one is under way, by that one.

        An answer that comes after a failure proves that the server is alive after it, whenever the probe began, so
        pages that fail together share one. None when the deadline passes before the answer.
        """
        if member.probing is None:
            member.probing = self._errands.start(self._examine(member))
        task = member.probing
        if not await self._errands.ended(task, deadline) or task.cancelled():
            return None
        return task.result()

    def is_silent(self, member: Member) -> bool:
        """Whether a server with pages in hand has given no sign of life for longer than it may."""
        return self._now() - max(member.last_sign, member.busy_since) >= self._rules.quiet

    async def watch(self, member: Member) -> None:
        """Probe a server whenever that is due, until cancelled."""
        while True:
            member.stirred.clear()
            due = self._next_probe(member)
            if due > self._now():
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        await member.stirred.wait()
            else:
                member.breaker.half_open()
                await self.verdict(member, self._now() + 2 * self._rules.probe_deadline)

    async def poll(self, member: Member) -> None:
        """Ask a server how busy it is, at an interval, until cancelled."""
        answered = self._now()
        while True:
            try:
                load = await self._errands.within(member.server.load, self._now() + self._rules.load_deadline)
            except EngineError as error:
                self._observer.load_failed(member.id, error.code)
                if self._now() - answered >= self._rules.load_stale:
                    member.node.forget_report()
            else:
                answered = self._now()
                member.node.report(load)
            self._changed()
            await asyncio.sleep(self._rules.load_interval)

    def _next_probe(self, member: Member) -> float:
        if not member.breaker.is_closed:
            return member.breaker.due
        if member.leases:
            return max(member.last_sign, member.busy_since) + self._rules.quiet
        return member.last_sign + self._rules.idle

    async def _examine(self, member: Member) -> bool:
        began = self._now()
        try:
            await self._errands.within(partial(self._probe, member.server), began + self._rules.probe_deadline)
        except (EngineUnavailable, EngineTimeout):
            # A crowded server may keep a probe waiting; tokens of its pages show that it is alive all the same.
            healthy = member.last_sign > began
        except EngineError:
            healthy = False
        else:
            healthy = True
            member.showed_life(self._now())
        finally:
            member.probing = None
        before = member.state
        if healthy:
            member.recovered()
        else:
            member.fell_ill()
        if member.state is not before:
            self._observer.state_changed(member.id, member.state)
        self._changed()
        return healthy
