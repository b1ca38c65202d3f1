"""The set of servers follows its source."""

from __future__ import annotations

import asyncio

import pytest

from ocr_pipeline.domain.errors import ConfigurationError, EngineUnavailable, NotFound
from ocr_pipeline.recognition.pool.clock import loop_time
from tests.unit.pool.fake_server import FakeServer, Mode
from tests.unit.pool.pool_world import World
from tests.unit.pool.virtual import run, until

REFRESH = 10.1


def test_a_new_server_is_probed_and_then_used() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world.servers["b"] = FakeServer("b")
            world["b"].mode = Mode.DEAD
            world.source.names = ["a", "b"]
            await asyncio.sleep(REFRESH)
            assert world.of("b").state == "joining"
            assert {await world.read() for _ in range(4)} == {"a"}
            world["b"].mode = Mode.WELL
            await until(lambda: world.of("b").state == "ready", seconds=10)
            assert {await world.read() for _ in range(4)} == {"a", "b"}
            assert world.notes.of("joined") == [("a",), ("b",)]

    run(scenario())


def test_a_removed_server_finishes_what_it_has_and_is_closed() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            for server in world.servers.values():
                server.tokens = 200
            pages = [world.start() for _ in range(4)]
            await asyncio.sleep(1)
            world.source.names = ["b"]
            await asyncio.sleep(REFRESH)
            assert world.of("a").state == "leaving"
            assert world.notes.of("left") == []
            pages += [world.start() for _ in range(4)]
            assert (await asyncio.gather(*pages)).count("a") == 2
            await until(lambda: world.notes.of("left") == [("a",)], seconds=0.1)
            assert world["a"].closed
            assert [server.id for server in world.pool.snapshot().servers] == ["b"]
            probes = world["a"].probes
            await asyncio.sleep(100)
            assert world["a"].probes == probes

    run(scenario())


def test_a_server_that_is_named_again_before_it_has_left_stays() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].tokens = 250
            pages = [world.start() for _ in range(2)]
            await asyncio.sleep(1)
            world.source.names = ["b"]
            await asyncio.sleep(REFRESH)
            assert world.of("a").state == "leaving"
            world.source.names = ["a", "b"]
            await asyncio.sleep(REFRESH)
            assert world.of("a").state == "ready"
            await asyncio.gather(*pages)
            world["a"].tokens = 5
            assert {await world.read() for _ in range(4)} == {"a", "b"}
            assert not world["a"].closed
            assert world.notes.of("left") == []

    run(scenario())


def test_a_server_that_comes_back_after_it_left_is_a_new_one() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world.source.names = ["b"]
            await asyncio.sleep(REFRESH)
            assert world["a"].closed
            world.servers["a"] = FakeServer("a")
            world.source.names = ["a", "b"]
            await asyncio.sleep(REFRESH)
            assert {await world.read() for _ in range(4)} == {"a", "b"}

    run(scenario())


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigurationError("?"), "configuration"), (OSError("no name service"), "os_error")]
)
def test_a_source_that_fails_leaves_the_set_as_it_is(error: Exception, code: str) -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world.source.error = error
            await asyncio.sleep(REFRESH)
            assert world.notes.of("source failed") == [(code,)]
            assert {await world.read() for _ in range(4)} == {"a", "b"}

    run(scenario())


def test_a_source_that_hangs_or_names_nobody_leaves_the_set_as_it_is() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world.source.names = []
            await asyncio.sleep(REFRESH)
            world.source.seconds = 1e6
            await asyncio.sleep(10 + 5)
            assert world.notes.of("source failed") == [("no_addresses",), ("engine_timeout",)]
            assert await world.read() == "a"

    run(scenario())


def test_a_source_that_fails_at_the_start_is_asked_again() -> None:
    async def scenario() -> None:
        world = World("a")
        world.source.error = OSError("not yet")
        async with world:
            with pytest.raises(EngineUnavailable):
                await world.read()
            world.source.error = None
            await asyncio.sleep(REFRESH)
            assert await world.read() == "a"

    run(scenario())


def test_what_is_no_address_is_left_out_and_a_second_name_of_a_server_is_not_a_second_server() -> None:
    async def scenario() -> None:
        world = World("a", "alias")
        world["alias"].id = "a"
        world.source.names = ["a", "nonsense", "alias", "a"]
        async with world:
            assert world.notes.of("joined") == [("a",)]
            assert world.notes.of("address refused") == [("configuration",), ("duplicate",)]
            await until(lambda: world["alias"].closed, seconds=0.1)
            assert await world.read() == "a"

    run(scenario())


def test_draining_waits_for_pages_in_hand_and_lasts_while_the_source_goes_on_naming_it() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].tokens = 100
            pages = [world.start() for _ in range(2)]
            await asyncio.sleep(1)
            await world.pool.drain("a")
            assert loop_time() > 10
            assert "a" in await asyncio.gather(*pages)
            assert world["a"].closed
            await asyncio.sleep(2 * REFRESH)
            assert {await world.read() for _ in range(4)} == {"b"}
            world.source.names = ["b"]
            await asyncio.sleep(REFRESH)
            world.servers["a"] = FakeServer("a")
            world.source.names = ["a", "b"]
            await asyncio.sleep(REFRESH)
            assert {await world.read() for _ in range(4)} == {"a", "b"}
            with pytest.raises(NotFound):
                await world.pool.drain("c")

    run(scenario())


def test_the_last_server_drained_leaves_nobody_ready() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            await asyncio.gather(world.pool.drain("a"), world.pool.drain("a"))
            with pytest.raises(EngineUnavailable):
                await world.read()

    run(scenario())


def test_pages_of_a_draining_server_that_hangs_fail_over_and_it_leaves() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            pages = [world.start() for _ in range(2)]
            await asyncio.sleep(0.1)
            world["a"].mode = Mode.HUNG
            await world.pool.drain("a")
            assert set(await asyncio.gather(*pages)) == {"b"}

    run(scenario())


def test_a_server_that_does_not_close_holds_nobody_up() -> None:
    async def scenario() -> None:
        class Clinging(FakeServer):
            async def close(self) -> None:
                await asyncio.sleep(1e6)

        world = World("a", "b")
        world.servers["a"] = Clinging("a")
        async with world:
            await world.pool.drain("a")
            assert loop_time() < 6
            world.servers["b"] = Clinging("b")
        assert loop_time() < 12

    run(scenario())
