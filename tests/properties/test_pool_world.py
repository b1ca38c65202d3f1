"""Servers die, hang, babble, break off, come and go while pages of all kinds arrive: no page is lost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_pipeline.domain.errors import EngineError, EngineGarbage, EngineOverloaded, EngineTimeout, EngineUnavailable
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.pool import PoolRules
from tests.unit.pool.fake_server import FakeServer, Mode, reading
from tests.unit.pool.pool_world import World
from tests.unit.pool.virtual import run, until

NAMES = "abcd"
FAILURES = {
    "break": EngineUnavailable("reset"),
    "overload": EngineOverloaded("busy", retry_after=2.0),
    "garble": EngineGarbage("?"),
    "silence": EngineTimeout("silent"),
}


@dataclass(frozen=True)
class Happening:
    after: float
    server: str
    what: str


@dataclass(frozen=True)
class Arrival:
    after: float
    priority: int
    seconds: float
    prompt: str
    named: bool
    gives_up_after: float | None


@dataclass(frozen=True)
class End:
    """How a page ended: its result or error (None: its caller gave up), and by how much it missed its deadline."""

    result: str | EngineError | None
    late: float


HAPPENINGS = st.builds(
    Happening,
    st.floats(0, 12),
    st.sampled_from(NAMES),
    st.sampled_from(["die", "hang", "babble", "recover", "recover", "leave", "join", "drain", "poison", *FAILURES]),
)
ARRIVALS = st.builds(
    Arrival,
    st.floats(0, 3),
    st.integers(0, 2),
    st.sampled_from([0.5, 4.0, 12.0, 40.0]),
    st.sampled_from(["page", "page", "page", "killer"]),
    st.booleans(),
    st.none() | st.none() | st.floats(0, 5),
)


async def happen(world: World, happenings: list[Happening]) -> None:
    modes = {"die": Mode.DEAD, "hang": Mode.HUNG, "babble": Mode.BABBLING, "recover": Mode.WELL}
    drains = []
    for each in happenings:
        await asyncio.sleep(each.after)
        server = world[each.server]
        if each.what in modes:
            server.mode = modes[each.what]
        elif each.what in FAILURES:
            server.failures.append(FAILURES[each.what])
        elif each.what == "poison":
            server.deadly = {"killer": 0}
        elif each.what == "leave" and each.server in world.source.names:
            world.source.names.remove(each.server)
        elif each.what == "join" and each.server not in world.source.names:
            world.servers[each.server] = FakeServer(each.server) if server.closed else server
            world.source.names.append(each.server)
        elif each.what == "drain" and any(each.server == known.id for known in world.pool.snapshot().servers):
            drains.append(asyncio.create_task(world.pool.drain(each.server)))
    await asyncio.gather(*drains)


async def one(world: World, arrival: Arrival, number: int) -> End:
    deadline = loop_time() + arrival.seconds
    page = asyncio.create_task(
        world.read(
            reading(arrival.prompt),
            seconds=arrival.seconds,
            priority=arrival.priority,
            page=str(number) if arrival.named else None,
        )
    )
    if arrival.gives_up_after is not None:
        await asyncio.wait({page}, timeout=arrival.gives_up_after)
        page.cancel()
    await asyncio.wait({page}, timeout=arrival.seconds + 1)
    assert page.done(), "a page never ends"
    if page.cancelled():
        return End(None, loop_time() - deadline)
    error = page.exception()
    assert error is None or isinstance(error, EngineError)
    return End(error or page.result(), loop_time() - deadline)


@settings(deadline=None)
@given(
    count=st.integers(1, len(NAMES)),
    room=st.integers(1, 3),
    happenings=st.lists(HAPPENINGS, max_size=12),
    arrivals=st.lists(ARRIVALS, min_size=1, max_size=25),
)
def test_every_page_ends_in_time_and_every_place_is_given_back(
    count: int, room: int, happenings: list[Happening], arrivals: list[Arrival]
) -> None:
    async def scenario() -> None:
        world = World(*NAMES, rules=PoolRules(max_concurrent=room))
        world.source.names = list(NAMES[:count])
        async with world:
            events = asyncio.create_task(happen(world, happenings))
            ends = []
            for number, arrival in enumerate(arrivals):
                await asyncio.sleep(arrival.after)
                ends.append(asyncio.create_task(one(world, arrival, number)))
            for end in await asyncio.gather(*ends):
                assert end.late < 0.001
            await events
            assert all(server.most_at_work <= room for server in world.servers.values())
            assert world.pool.snapshot().waiting == 0
            await everybody_is_well_again(world)
            assert await world.read() in world.source.names
            await until(lambda: all(server.in_flight == 0 for server in world.pool.snapshot().servers), seconds=1)
            assert all(server.at_work == 0 for server in world.servers.values())

    run(scenario())


async def everybody_is_well_again(world: World) -> None:
    for name, server in world.servers.items():
        server.mode = Mode.WELL
        server.failures.clear()
        server.deadly = {}
        if server.closed:
            world.servers[name] = FakeServer(name)
    world.source.names = ["nobody"]  # drained servers are let back once they were not named
    await asyncio.sleep(11)
    world.source.names = list(NAMES)
    for name, server in world.servers.items():
        if server.closed:
            world.servers[name] = FakeServer(name)
    await until(lambda: [each.state for each in world.pool.snapshot().servers] == ["ready"] * len(NAMES), seconds=30)


@settings(deadline=None)
@given(
    deaths=st.lists(st.tuples(st.floats(0, 4), st.sampled_from("abc")), max_size=3),
    arrivals=st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_while_one_server_lives_pages_get_through_and_none_is_counted_against(
    deaths: list[tuple[float, str]], arrivals: list[float]
) -> None:
    """Deaths are at least as far apart as it takes to read a page, so that no page is in hand at two of them."""

    async def scenario() -> None:
        async with World("a", "b", "c", "d") as world:

            async def die() -> None:
                for pause, name in deaths:
                    await asyncio.sleep(2 + pause)
                    world[name].mode = Mode.DEAD

            dying = asyncio.create_task(die())
            pages = []
            for pause in arrivals:
                await asyncio.sleep(pause)
                pages.append(world.start())
            assert all(name in "abcd" for name in await asyncio.gather(*pages))
            await dying

    run(scenario())
