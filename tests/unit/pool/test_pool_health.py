"""Who is probed, when, and what follows."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from ocr_pipeline.domain.errors import EngineGarbage, EngineUnavailable
from ocr_pipeline.ports.generation import GenerationServer, ServerLoad
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.health import HealthRules
from ocr_pipeline.recognition.pool.pool import PoolRules, ServerPool
from ocr_pipeline.recognition.pool.strategies import LeastLoad, RoundRobin
from tests.unit.pool.fake_server import FakeServer, Mode, reading
from tests.unit.pool.pool_world import FakeSource, World
from tests.unit.pool.virtual import run, until


def test_nobody_is_probed_while_tokens_flow() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].tokens = 1200
            probes = world["a"].probes
            await world.read(seconds=200)
            assert loop_time() > 120
            assert world["a"].probes == probes

    run(scenario())


def test_an_idle_server_is_probed_now_and_then_and_a_silent_one_soon() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            await asyncio.sleep(200)
            assert 6 <= world["a"].probes - 1 <= 7
            probes = world["a"].probes
            world["a"].prefill = 20.0
            await world.read()
            assert 6 <= world["a"].probes - probes <= 7
            assert world.notes.of("state") == [("a", "ready")]

    run(scenario())


def test_a_server_that_dies_idle_is_found_before_a_page_finds_it() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].mode = Mode.DEAD
            await until(lambda: world.of("a").state == "ill", seconds=31)
            assert world["a"].taken == []

    run(scenario())


@pytest.mark.parametrize("mode", [Mode.DEAD, Mode.HUNG, Mode.BABBLING])
def test_a_server_that_recovers_is_back_within_ten_seconds(mode: Mode) -> None:
    async def scenario(outage: float) -> float:
        async with World("a") as world:
            world["a"].mode = mode
            with pytest.raises(EngineUnavailable):
                await world.pool.check()
            await asyncio.sleep(outage)
            assert world.of("a").state == "ill"
            world["a"].mode = Mode.WELL
            recovered = loop_time()
            await until(lambda: world.of("a").state == "ready")
            assert await world.read() == "a"
            return loop_time() - recovered

    # Every phase of pause and probe, after short outages and long ones.
    assert max(run(scenario(step * 0.37)) for step in range(1, 60)) <= 10
    assert run(scenario(2_000.0)) <= 10


def test_a_dead_server_is_not_hammered() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].mode = Mode.DEAD
            await until(lambda: world.of("a").state == "ill", seconds=31)
            probes = world["a"].probes
            await asyncio.sleep(60)
            assert 18 <= world["a"].probes - probes <= 23

    run(scenario())


def test_a_breaker_is_open_between_probes_and_half_open_during_one() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            assert world.of("a").breaker == "closed"
            world["a"].mode = Mode.HUNG
            with pytest.raises(EngineUnavailable):
                await world.pool.check()
            seen = []
            for _ in range(40):
                await asyncio.sleep(0.4)
                seen.append(world.of("a").breaker.value)
            assert seen[0] == "open"
            assert seen.count("half_open") > seen.count("open")

    run(scenario())


def test_a_verdict_lets_those_who_waited_for_it_go_on_at_once() -> None:
    async def scenario() -> None:
        async with World("a", rules=PoolRules(health=HealthRules(load_interval=1000))) as world:
            world["a"].failures = [EngineGarbage("?")]
            garbled = world.start()
            await asyncio.sleep(0.01)
            began = loop_time()
            assert await world.read() == "a"
            assert loop_time() - began == pytest.approx(0.01 + 0.2 + 5 * 0.1, abs=0.02)
            with pytest.raises(EngineGarbage):
                await garbled

    run(scenario())


def test_what_a_server_did_before_an_illness_does_not_eject_it_after() -> None:
    async def scenario() -> None:
        async with World("a", "b", strategy=RoundRobin()) as world:
            world["a"].failures = [EngineUnavailable("reset")] * 7
            for _ in range(7):
                assert await world.read() == "b"
            world["a"].mode = Mode.DEAD
            await world.read()
            await world.read()
            assert world.of("a").state == "ill"
            world["a"].mode = Mode.WELL
            await until(lambda: world.of("a").state == "ready", seconds=10)
            world["a"].failures = [EngineUnavailable("reset")] * 4
            for _ in range(4):
                assert await world.read() == "b"
            assert world.notes.of("ejected") == []

    run(scenario())


def test_a_server_is_not_used_before_it_was_proven() -> None:
    async def scenario() -> None:
        world = World("a", "b")
        world["a"].mode = Mode.DEAD
        async with world:
            assert world.of("a").state == "joining"
            assert {await world.read() for _ in range(4)} == {"b"}
            assert world["a"].taken == []
            world["a"].mode = Mode.WELL
            await until(lambda: world.of("a").state == "ready", seconds=10)
            assert {await world.read() for _ in range(4)} == {"a", "b"}

    run(scenario())


def test_starting_takes_no_longer_than_a_probe_may() -> None:
    async def scenario() -> None:
        world = World("a", "b")
        world["a"].mode = Mode.HUNG
        async with world:
            assert loop_time() == pytest.approx(5.0)
            assert await world.read() == "b"

    run(scenario())


def test_check_asks_every_server_and_brings_back_one_that_is_well_again() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].mode = Mode.DEAD
            await world.pool.check()
            await asyncio.sleep(100)
            assert world.of("a").state == "ill"
            world["b"].mode = Mode.HUNG
            before = loop_time()
            with pytest.raises(EngineUnavailable):
                await world.pool.check()
            assert loop_time() - before <= 5.01
            world["a"].mode = Mode.WELL
            await world.pool.check()
            assert world.of("a").state == "ready"

    run(scenario())


def test_a_check_that_is_under_way_when_the_pool_closes_says_unavailable() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].mode = Mode.HUNG
            check = asyncio.create_task(world.pool.check())
            await asyncio.sleep(1)
        with pytest.raises(EngineUnavailable):
            await check

    run(scenario())


def test_load_is_polled_and_counts_where_others_use_the_server_too() -> None:
    async def scenario() -> None:
        async with World("a", "b") as world:
            world["a"].load_says = ServerLoad(running=20, waiting=3)
            await asyncio.sleep(1.1)
            assert world.of("a").active == 23
            assert {await world.read() for _ in range(5)} == {"b"}
            world["a"].load_says = world["b"].load_says = ServerLoad(running=40)
            await asyncio.sleep(1.1)
            waiting = world.start()
            await asyncio.sleep(1)
            assert world.pool.snapshot().waiting == 1
            world["b"].load_says = ServerLoad()
            assert await waiting == "b"

    run(scenario())


@pytest.mark.parametrize("says", [EngineUnavailable("no metrics"), None])
def test_a_server_that_does_not_say_how_busy_it_is_is_not_ill(says: Exception | None) -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].load_says = ServerLoad(running=7, cache_usage=0.4)
            await asyncio.sleep(1.1)
            assert (world.of("a").active, world.of("a").gpu_utilisation) == (7, 0.4)
            world["a"].load_says = says
            await asyncio.sleep(4)
            assert world.of("a").active == 7
            await asyncio.sleep(10)
            assert (world.of("a").active, world.of("a").gpu_utilisation) == (0, 1.0)
            assert await world.read() == "a"
            assert world.notes.of("state") == [("a", "ready")]
            assert ("a", "engine_timeout" if says is None else "engine_unavailable") in world.notes.of("load failed")

    run(scenario())


def test_a_server_that_fails_many_pages_is_set_aside_while_there_are_others() -> None:
    async def scenario() -> None:
        async with World("a", "b", strategy=RoundRobin()) as world:
            world["a"].failures = [EngineUnavailable("reset")] * 100
            for _ in range(16):
                assert await world.read() == "b"
            assert world.notes.of("ejected") == [("a", "failures", "10")]
            assert world.of("a").ejected
            taken = len(world["a"].taken)
            await asyncio.gather(*(world.read() for _ in range(8)))
            assert len(world["a"].taken) == taken
            await asyncio.sleep(10)
            world["a"].failures = []
            assert {await world.read() for _ in range(4)} == {"a", "b"}

    run(scenario())


def test_a_server_that_crawls_is_set_aside() -> None:
    async def scenario() -> None:
        async with World("a", "b", "c") as world:
            for server in world.servers.values():
                server.tokens, server.pace = 100, 0.02
            world["a"].pace = 0.25
            await asyncio.gather(*(world.read(reading(), seconds=100) for _ in range(60)))
            assert world.notes.of("ejected")[0][:2] == ("a", "pace")

    run(scenario())


def test_a_fault_in_what_keeps_watch_is_loud_and_closes_the_pool_to_pages() -> None:
    async def scenario() -> None:
        async def faulty(server: GenerationServer) -> None:
            if loop_time() > 10:
                raise ZeroDivisionError

        pool = ServerPool(FakeSource(["a"]), FakeServer, faulty, LeastLoad(Random(1)), rules=PoolRules())
        await pool.start()
        await pool.run(reading(), deadline=loop_time() + 10)
        await asyncio.sleep(60)
        with pytest.raises(EngineUnavailable, match="watch"):
            await pool.run(reading(), deadline=loop_time() + 10)
        with pytest.raises(EngineUnavailable):
            await pool.check()
        await pool.close()

    run(scenario(), complaints=1)
