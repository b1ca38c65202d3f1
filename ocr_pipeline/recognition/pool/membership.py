"""The set of servers follows a source of addresses.

New servers are probed before they are used. Servers that the source no longer names drain: they get no new pages,
those in hand finish, then they are closed. A source that fails, or names nobody at all, leaves the set as it is: a
name service that stumbles must not take down a fleet that works, and servers that are really gone fail their probes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ocr_pipeline.domain.errors import NotFound, PipelineError
from ocr_pipeline.ports.generation import GenerationServer
from ocr_pipeline.recognition.pool.clock import Now
from ocr_pipeline.recognition.pool.errands import Errands
from ocr_pipeline.recognition.pool.fleet import Fleet
from ocr_pipeline.recognition.pool.member import Member
from ocr_pipeline.recognition.pool.observer import PoolObserver


class AddressSource(Protocol):
    """Names the servers there are."""

    async def addresses(self) -> Sequence[str]:
        """Addresses, in any order. Raises PipelineError or OSError when it cannot say."""
        ...


Connect = Callable[[str], GenerationServer]
"""From an address to a server; opens no connection. Raises PipelineError for what is no address."""


@dataclass(frozen=True, slots=True)
class MembershipRules:
    """Times in seconds: the interval at which the source is asked, the time it may take, and closing a server may."""

    refresh_interval: float = 10.0
    source_deadline: float = 5.0
    close_within: float = 5.0


@dataclass(slots=True, eq=False)
class _Place:
    """A member with the tasks that keep it, and the one that sees it off once it is to leave."""

    member: Member
    keepers: tuple[asyncio.Task[None], ...]
    leaving: asyncio.Task[None] | None = None


class Membership:
    """Brings servers in and sees them off.

    `recruit` makes a member of a server, `keep` gives it the tasks that keep an eye on it, `changed` is called when
    the set of usable servers is another.
    """

    def __init__(
        self,
        source: AddressSource,
        connect: Connect,
        rules: MembershipRules,
        *,
        fleet: Fleet,
        recruit: Callable[[GenerationServer], Member],
        keep: Callable[[Member], tuple[asyncio.Task[None], ...]],
        changed: Callable[[], None],
        errands: Errands,
        observer: PoolObserver,
        now: Now,
    ) -> None:
        self._source = source
        self._connect = connect
        self._rules = rules
        self._fleet = fleet
        self._recruit = recruit
        self._keep = keep
        self._changed = changed
        self._errands = errands
        self._observer = observer
        self._now = now
        self._places: dict[str, _Place] = {}
        self._drained: set[str] = set()

    async def follow(self) -> None:
        """Ask the source again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._rules.refresh_interval)
            await self.refresh()

    async def refresh(self) -> None:
        """Ask the source once, and bring servers in or send them off accordingly."""
        try:
            named = await self._errands.within(self._source.addresses, self._now() + self._rules.source_deadline)
        except PipelineError as error:
            self._observer.source_failed(error.code)
            return
        except OSError:
            self._observer.source_failed("os_error")
            return
        if not named:
            self._observer.source_failed("no_addresses")
            return
        self._settle(dict.fromkeys(named))

    async def drain(self, server: str) -> None:
        """Send a server off and wait until it is gone. It stays out for as long as the source goes on naming it.

        Raises NotFound when there is no server of this name.
        """
        for address, place in self._places.items():
            if place.member.id == server:
                self._drained.add(address)
                await asyncio.wait({self._send_off(address, place)})
                return
        raise NotFound("no server of that name is in the pool")

    async def close(self) -> None:
        """Close all servers at once, within the time that closing may take. Their tasks have ended before."""
        places = list(self._places.values())
        self._places.clear()
        self._fleet.members.clear()
        await asyncio.gather(*(self._shut(place.member.server) for place in places))

    def _settle(self, named: dict[str, None]) -> None:
        self._drained &= named.keys()
        for address, place in self._places.items():
            if address not in named:
                self._send_off(address, place)
            elif place.leaving is not None and address not in self._drained:
                self._take_back(place)
        for address in named:
            if address not in self._places and address not in self._drained:
                self._bring_in(address)

    def _bring_in(self, address: str) -> None:
        try:
            server = self._connect(address)
        except PipelineError as error:
            self._observer.address_refused(error.code)
            return
        if server.id in self._fleet.members:
            self._observer.address_refused("duplicate")
            self._errands.start(self._shut(server))
            return
        member = self._recruit(server)
        self._fleet.members[member.id] = member
        self._observer.server_joined(member.id)
        self._places[address] = _Place(member, self._keep(member))

    def _send_off(self, address: str, place: _Place) -> asyncio.Task[None]:
        if place.leaving is None:
            place.member.leaving = True
            place.leaving = self._errands.start(self._see_off(address, place))
            self._observer.state_changed(place.member.id, place.member.state)
            self._changed()
        return place.leaving

    def _take_back(self, place: _Place) -> None:
        if place.leaving is not None:
            place.leaving.cancel()
        place.leaving = None
        place.member.leaving = False
        self._observer.state_changed(place.member.id, place.member.state)
        self._changed()

    async def _see_off(self, address: str, place: _Place) -> None:
        await place.member.vacated.wait()
        for task in place.keepers:
            task.cancel()
        del self._places[address]
        del self._fleet.members[place.member.id]
        self._fleet.outliers.remove(place.member.id)
        await self._shut(place.member.server)
        self._observer.server_left(place.member.id)

    async def _shut(self, server: GenerationServer) -> None:
        with suppress(PipelineError, OSError):  # it is gone from the pool either way
            await self._errands.within(server.close, self._now() + self._rules.close_within)
