"""A page's way through the pool while its servers are well: places, order, deadlines."""

from __future__ import annotations

import asyncio

import pytest

from ocr_pipeline.domain.errors import EngineOverloaded, EngineTimeout, EngineUnavailable
from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.pool import Lease, PoolRules
from tests.unit.pool.fake_server import Mode, reading
from tests.unit.pool.pool_world import World
from tests.unit.pool.virtual import run, until

ONE_AT_A_TIME = PoolRules(max_concurrent=1)


def test_a_page_is_read_and_its_place_is_free_again() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            assert await world.read() == "a"
            assert world.of("a").in_flight == 0
            assert world["a"].at_work == 0

    run(scenario())


def test_it_works_on_an_ordinary_event_loop() -> None:
    async def scenario() -> str:
        async with World("a") as world:
            world["a"].prefill = world["a"].pace = 0.001
            return await world.read()

    assert asyncio.run(scenario()) == "a"


def test_no_server_is_given_more_than_it_may_have() -> None:
    async def scenario() -> None:
        async with World("a", "b", rules=PoolRules(max_concurrent=3)) as world:
            await asyncio.gather(*(world.read() for _ in range(20)))
            assert world["a"].most_at_work == world["b"].most_at_work == 3

    run(scenario())


def test_those_who_wait_go_in_order_of_priority_then_of_arrival() -> None:
    async def scenario() -> None:
        async with World("a", rules=ONE_AT_A_TIME) as world:
            waiting = [world.start(reading("first"))]
            for name, priority in (("b1", 2), ("r1", 1), ("u1", 0), ("b2", 2), ("u2", 0)):
                await asyncio.sleep(0.01)
                waiting.append(world.start(reading(name), priority=priority))
            await asyncio.sleep(0.01)
            assert world.pool.snapshot().waiting == 5
            await asyncio.gather(*waiting)
            assert world["a"].taken == ["first", "u1", "u2", "r1", "b1", "b2"]

    run(scenario())


def test_waiting_ends_at_the_deadline_and_counts_no_attempt() -> None:
    async def scenario() -> None:
        async with World("a", rules=ONE_AT_A_TIME) as world:
            world["a"].tokens = 1000
            first = world.start(seconds=200)
            await asyncio.sleep(0)
            before = loop_time()
            with pytest.raises(EngineOverloaded) as caught:
                await world.read(seconds=5)
            assert loop_time() - before == pytest.approx(5)
            assert not caught.value.counts_attempt
            assert world.pool.snapshot().waiting == 0
            await first

    run(scenario())


def test_a_page_without_time_is_not_even_begun() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            with pytest.raises(EngineOverloaded):
                await world.read(seconds=0)
            assert world["a"].taken == []

    run(scenario())


def test_a_page_that_takes_too_long_is_cancelled_and_its_generation_closed() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].tokens = 1000
            before = loop_time()
            with pytest.raises(EngineTimeout) as caught:
                await world.read(seconds=5)
            assert loop_time() - before == pytest.approx(5)
            assert caught.value.counts_attempt
            await until(lambda: world.of("a").in_flight == 0, seconds=0.1)
            assert world["a"].at_work == 0
            assert world.notes.of("failed") == [("a", "engine_timeout")]

    run(scenario())


def test_not_even_a_generation_that_will_not_close_outlasts_the_deadline() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].stubborn = True
            page = world.start(seconds=2)
            await asyncio.sleep(0.5)
            world["a"].mode = Mode.HUNG
            with pytest.raises(EngineTimeout):
                await page
            assert loop_time() == pytest.approx(2, abs=0.1)
            assert world.of("a").in_flight == 1, "the place is not free while the server still holds the page"

    run(scenario())


def test_time_lost_in_the_line_is_not_held_against_a_page() -> None:
    async def scenario() -> None:
        async with World("a", rules=ONE_AT_A_TIME) as world:
            world["a"].tokens = 80
            first = world.start()
            await asyncio.sleep(0)
            with pytest.raises(EngineOverloaded):
                await world.read(seconds=12)
            await first

    run(scenario())


def test_cancelling_the_caller_gives_the_place_back() -> None:
    async def scenario() -> None:
        async with World("a", rules=ONE_AT_A_TIME) as world:
            inside, waiting = world.start(), world.start()
            await asyncio.sleep(0.3)
            for page in (waiting, inside):
                page.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await page
            await until(lambda: world.of("a").in_flight == 0, seconds=0.1)
            assert world["a"].at_work == world.pool.snapshot().waiting == 0
            assert await world.read() == "a"

    run(scenario())


def test_pages_of_a_session_stay_together_and_a_crowd_spills_over() -> None:
    async def scenario() -> None:
        async with World("a", "b", "c", affinity=SessionAffinity(bound=1.25, slack=2)) as world:
            one_by_one = {await world.read(session="chart") for _ in range(6)}
            assert len(one_by_one) == 1
            crowd = await asyncio.gather(*(world.read(session="chart") for _ in range(30)))
            assert set(crowd) == {"a", "b", "c"}
            assert crowd.count(one_by_one.pop()) < 20

    run(scenario())


def test_a_fault_of_the_work_itself_goes_through() -> None:
    async def scenario() -> None:
        async with World("a") as world:

            async def broken(lease: Lease) -> str:
                raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await world.read(broken)
            assert world.of("a").in_flight == 0

    run(scenario())


def test_closing_does_not_wait_for_what_will_not_close() -> None:
    async def scenario() -> None:
        async with World("a") as world:
            world["a"].stubborn = True
            page = world.start(seconds=1000)
            await asyncio.sleep(0.1)
            world["a"].mode = Mode.HUNG
            closing = asyncio.create_task(world.pool.close())
            with pytest.raises(EngineUnavailable):
                await page
            assert loop_time() == pytest.approx(0.1, abs=0.1)
            await closing
            assert loop_time() == pytest.approx(5.1, abs=0.1)

    run(scenario())


def test_before_start_and_after_close_nothing_runs() -> None:
    async def scenario() -> None:
        world = World("a", rules=ONE_AT_A_TIME)
        with pytest.raises(EngineUnavailable):
            await world.read()
        async with world:
            world["a"].tokens = 100
            inside, waiting = world.start(), world.start()
            await asyncio.sleep(1)
        for page in (inside, waiting):
            with pytest.raises(EngineUnavailable):
                await page
        assert world["a"].closed
        assert world["a"].at_work == 0
        with pytest.raises(EngineUnavailable):
            await world.pool.check()
        await world.pool.close()

    run(scenario())
