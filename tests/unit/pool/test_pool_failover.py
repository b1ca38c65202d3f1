"""Failures on servers: whose fault they are, and what becomes of the page."""

from __future__ import annotations

import asyncio

import pytest

from ocr_pipeline.domain.errors import (
    ContextTooLong,
    EngineError,
    EngineGarbage,
    EngineOverloaded,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    PageUnreadable,
    PipelineError,
    ReadingGuarded,
)
from ocr_pipeline.ports.generation import ServerLoad
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.pool import Lease
from ocr_pipeline.recognition.pool.strategies import RoundRobin
from tests.unit.pool.fake_server import Mode, reading
from tests.unit.pool.pool_world import World
from tests.unit.pool.virtual import run, until


def test_a_dead_server_costs_its_pages_nothing_and_they_share_one_probe() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            pages = [world.start() for _ in range(10)]
            await asyncio.sleep(0.3)
            assert world["a"].at_work == 5
            probed = world["a"].probes
            world["a"].mode = Mode.DEAD
            assert set(await asyncio.gather(*pages)) == {"b"}
            assert world["a"].probes == probed + 1 + 1, "one verdict, and one half-open probe since"
            assert len(world.notes.of("failed over")) == 5
            assert world.notes.of("failed") == []
            assert world.of("a").state == "ill"

    run(scenario())


@pytest.mark.parametrize("mode", [Mode.HUNG, Mode.BABBLING])
def test_a_server_that_hangs_or_babbles_loses_its_pages_to_the_others(mode: Mode) -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].tokens = world["b"].tokens = 100
            pages = [world.start() for _ in range(4)]
            await asyncio.sleep(0.5)
            world["a"].mode = mode
            if mode is Mode.BABBLING:
                world["a"].failures = [EngineGarbage("?")]
                pages.append(world.start(reading("fails")))
            assert set(await asyncio.gather(*pages)) == {"b"}
            assert loop_time() < 0.5 + 3 + 5 + 12
            await until(lambda: world["a"].at_work == 0)

    run(scenario())


def test_a_page_does_not_wait_for_an_ill_server_to_let_go_of_it() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].stubborn = True
            page = world.start()
            await asyncio.sleep(0.1)
            world["a"].mode = Mode.HUNG
            assert await page == "b"
            assert loop_time() == pytest.approx(3 + 5 + 0.2 + 5 * 0.1, abs=0.1)
            assert world.of("a").in_flight == 1

    run(scenario())


def test_a_timeout_of_the_work_itself_at_the_very_end_stands_when_the_server_is_alive() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].tokens = 1000
            read = reading()

            async def impatient(lease: Lease) -> str:
                try:
                    async with asyncio.timeout(4.999):
                        return await read(lease)
                except TimeoutError:
                    raise EngineTimeout("too slow") from None

            with pytest.raises(EngineTimeout, match="too slow"):
                await world.read(impatient, seconds=5)

    run(scenario())


@pytest.mark.parametrize("error", [EngineTimeout("silent"), EngineGarbage("?")])
def test_on_a_healthy_server_the_pages_own_error_stands(error: EngineError) -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].failures, world["b"].failures = [error], [error]
            with pytest.raises(type(error)) as caught:
                await world.read()
            assert caught.value is error
            assert len(world.notes.of("failed")) == 1
            assert {world.of(name).state for name in "ab"} == {"ready"}

    run(scenario())


@pytest.mark.parametrize(
    "error", [ContextTooLong(""), EngineRefused(""), ReadingGuarded("loop"), PageUnreadable(""), EngineError("")]
)
def test_the_pages_own_errors_pass_through_without_a_probe(error: PipelineError) -> None:
    async def scenario() -> None:
        async with World("a") as world:
            probes = world["a"].probes
            world["a"].failures = [error]
            with pytest.raises(type(error)) as caught:
                await world.read()
            assert caught.value is error
            assert world["a"].probes == probes
            assert world.notes.of("failed") == []

    run(scenario())


def test_a_connection_that_breaks_once_is_forgiven_and_twice_is_the_pages_fault() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].failures = [EngineUnavailable("reset")]
            assert await world.read() == "a"
            world["a"].failures = [EngineUnavailable("reset"), EngineUnavailable("reset")]
            with pytest.raises(EngineError) as caught:
                await world.read()
            assert caught.value.counts_attempt
            assert world.of("a").state == "ready"

    run(scenario())


def test_a_page_that_was_let_go_tries_another_server_even_a_busier_one() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["b"].load_says = ServerLoad(running=9)
            await asyncio.sleep(1.1)
            world["a"].failures = [EngineUnavailable("reset")] * 2
            assert await world.read() == "b"

    run(scenario())


def test_with_no_server_ready_a_page_hears_so_at_once() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            for server in world.servers.values():
                server.mode = Mode.DEAD
            with pytest.raises(EngineUnavailable):
                await world.read()
            before = loop_time()
            with pytest.raises(EngineUnavailable):
                await world.read()
            assert loop_time() == before
            with pytest.raises(EngineUnavailable):
                await world.pool.check()

    run(scenario())


def test_an_outage_of_everything_is_held_against_nobody() -> None:
    async def scenario() -> None:
        async with World("a", "b", "c", "d") as world:
            pages = [world.start(seconds=60) for _ in range(40)]
            await asyncio.sleep(0.1)
            for server in world.servers.values():
                server.mode = Mode.DEAD
            ends = await asyncio.gather(*pages, return_exceptions=True)
            assert {type(end) for end in ends} == {EngineUnavailable}
            assert world.notes.of("blamed") == []

    run(scenario())


def test_a_page_that_kills_server_after_server_is_stopped_at_the_second() -> None:
    async def scenario() -> None:
        async with World("a", "b", "c", "d") as world:
            for server in world.servers.values():
                server.deadly = {"killer": 0}
            with pytest.raises(EngineError) as caught:
                await world.read(reading("killer"))
            assert caught.value.counts_attempt
            assert sum(server.mode is Mode.DEAD for server in world.servers.values()) == 2
            assert len(world.notes.of("blamed")) == 1

    run(scenario())


def test_a_page_that_kills_after_a_few_tokens_is_stopped_at_the_third() -> None:
    async def scenario() -> None:
        async with World("a", "b", "c", "d", "e") as world:
            for server in world.servers.values():
                server.deadly = {"killer": 3}
            with pytest.raises(EngineError) as caught:
                await world.read(reading("killer"))
            assert caught.value.counts_attempt
            assert sum(server.mode is Mode.DEAD for server in world.servers.values()) == 3

    run(scenario())


def test_pages_that_were_being_written_beside_a_killer_are_not_blamed_with_it() -> None:
    async def scenario() -> None:
        async with World("a", "b", "c", "d", strategy=RoundRobin()) as world:
            for server in world.servers.values():
                server.deadly, server.tokens = {"killer": 0}, 60
            innocents = [world.start(reading(f"page {number}")) for number in range(12)]
            await asyncio.sleep(1)
            killer = world.start(reading("killer"))
            with pytest.raises(EngineError):
                await killer
            assert len(world.notes.of("blamed")) == 1
            assert {await page for page in innocents} <= {"a", "b", "c", "d"}

    run(scenario())


def test_with_a_name_a_killer_is_known_again_even_where_there_is_one_server() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].deadly = {"killer": 0}
            with pytest.raises(EngineUnavailable):
                await world.read(reading("killer"), page="7f")
            world["a"].mode = Mode.WELL
            await until(lambda: world.of("a").state == "ready", seconds=10)
            with pytest.raises(EngineError) as caught:
                await world.read(reading("killer"), page="7f")
            assert caught.value.counts_attempt

    run(scenario())


def test_a_result_clears_a_page_of_what_it_was_suspected_of() -> None:
    async def scenario() -> None:
        async with World("a", "b", "c", strategy=RoundRobin()) as world:
            for dying, living in (("a", "b"), ("b", "c")):
                page = asyncio.create_task(world.read(page="7f"))
                await asyncio.sleep(0.1)
                world[dying].mode = Mode.DEAD
                assert await page == living
            assert world.notes.of("blamed") == []

    run(scenario())


def test_an_overloaded_server_rests_and_the_page_goes_elsewhere() -> None:
    async def scenario() -> None:
        async with World("a", "b", strategy=RoundRobin()) as world:
            world["a"].failures = [EngineOverloaded("busy", retry_after=4.0)]
            assert await world.read() == "b"
            assert world.notes.of("resting") == [("a", "4")]
            assert {await world.read() for _ in range(4)} == {"b"}
            await asyncio.sleep(4)
            assert {await world.read() for _ in range(4)} == {"a", "b"}
            assert world.notes.of("state") == [("a", "ready"), ("b", "ready")]

    run(scenario())


def test_when_all_rest_the_caller_is_told_for_how_long() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].failures = [EngineOverloaded("busy", retry_after=9.0)]
            world["b"].failures = [EngineOverloaded("busy", retry_after=6.0)]
            with pytest.raises(EngineOverloaded) as caught:
                await world.read()
            assert caught.value.retry_after == pytest.approx(6.0, abs=0.1)
            with pytest.raises(EngineOverloaded):
                await world.read()

    run(scenario())


@pytest.mark.parametrize(("said", "rests"), [(None, "1"), (0.0, "0.25"), (3600.0, "30")])
def test_a_rest_has_bounds(said: float | None, rests: str) -> None:
    async def scenario() -> None:
        async with World("a", "b", strategy=RoundRobin()) as world:
            world["a"].failures = [EngineOverloaded("busy", retry_after=said)]
            await world.read()
            assert world.notes.of("resting") == [("a", rests)]

    run(scenario())


def test_a_server_in_doubt_draws_in_no_pages_though_it_is_the_freest() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].mode = Mode.CROWDED
            world["a"].failures = [EngineTimeout("silent")]
            first = world.start(reading("first"))
            await asyncio.sleep(0.1)
            others = [world.start() for _ in range(6)]
            assert await first == "b"
            assert set(await asyncio.gather(*others)) == {"b"}
            assert world["a"].taken == ["first"]

    run(scenario())


def test_tokens_of_others_prove_a_server_alive_whose_probe_finds_no_room() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].tokens = 200
            others = [world.start() for _ in range(3)]
            await asyncio.sleep(1)
            world["a"].mode = Mode.CROWDED
            world["a"].failures = [EngineTimeout("silent")]
            with pytest.raises(EngineTimeout):
                await world.read()
            assert world.of("a").state == "ready"
            assert await asyncio.gather(*others) == ["a"] * 3

    run(scenario())


def test_a_deadline_that_passes_on_a_silent_server_counts_no_attempt() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            page = world.start(seconds=5)
            await asyncio.sleep(0.1)
            world["a"].mode = Mode.HUNG
            with pytest.raises(EngineUnavailable):
                await page
            assert loop_time() == pytest.approx(5, abs=0.1)

    run(scenario())


def test_time_lost_on_an_ill_server_is_not_held_against_a_page() -> None:
    async def scenario() -> None:
        async with World("a", "b", strategy=RoundRobin()) as world:
            world["b"].tokens = 1000
            page = world.start(seconds=12)
            await asyncio.sleep(0.1)
            world["a"].mode = Mode.HUNG
            with pytest.raises(EngineUnavailable):
                await page
            assert world["b"].taken == ["page"]

    run(scenario())
