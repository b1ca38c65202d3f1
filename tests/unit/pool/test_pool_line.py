"""The waiting line, apart from the pool around it."""

from __future__ import annotations

import asyncio

import pytest

from ocr_pipeline.domain.errors import EngineOverloaded, EngineUnavailable
from ocr_pipeline.recognition.pool.breaker import Breaker, BreakerRules
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.fleet import Fleet
from ocr_pipeline.recognition.pool.line import Journey, WaitingLine
from ocr_pipeline.recognition.pool.member import Lease, Member
from ocr_pipeline.recognition.pool.node import Node
from ocr_pipeline.recognition.pool.outliers import OutlierRules, Outliers, PageOutcome
from ocr_pipeline.recognition.pool.strategies import RoundRobin
from ocr_pipeline.recognition.pool.suspects import Suspicion
from tests.unit.pool.fake_server import FakeServer
from tests.unit.pool.virtual import run


class Place:
    """A line before servers with room for one page each."""

    def __init__(self, *names: str) -> None:
        self.fleet = Fleet(Outliers(OutlierRules(), loop_time), loop_time)
        self.line = WaitingLine(self.fleet, RoundRobin(), None, loop_time)
        self.arrivals = 0
        for name in names:
            breaker = Breaker(BreakerRules(), loop_time)
            self.fleet.members[name] = Member(FakeServer(name), Node(name, 1, healthy=True), breaker, loop_time)

    def come(self, seconds: float = 60.0, *left: str) -> asyncio.Task[Lease]:
        self.arrivals += 1
        deadline = loop_time() + seconds
        journey = Journey(self.arrivals, 1, None, None, loop_time(), deadline, Suspicion(), set(left))
        return asyncio.create_task(self.line.admit(journey))


def test_a_place_that_comes_the_moment_it_is_no_longer_wanted_goes_to_the_next() -> None:
    async def scenario() -> None:
        place = Place("a")
        first = await place.come()
        gone, waiting = place.come(), place.come()
        await asyncio.sleep(0)
        place.line.give_back(first)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        place.line.give_back(await waiting)
        assert place.fleet.members["a"].node.in_flight == 0

    run(scenario())


def test_who_was_cancelled_is_passed_over_even_before_he_knows() -> None:
    async def scenario() -> None:
        place = Place("a")
        first = await place.come()
        gone, waiting = place.come(), place.come()
        await asyncio.sleep(0)
        gone.cancel()
        place.line.give_back(first)
        assert (await waiting).member.id == "a"
        assert gone.cancelled()

    run(scenario())


def test_a_page_prefers_servers_that_it_has_not_left() -> None:
    async def scenario() -> None:
        place = Place("a", "b")
        assert (await place.come(60, "a")).member.id == "b"
        assert (await place.come(60, "a")).member.id == "a", "rather there than nowhere"

    run(scenario())


def test_a_full_server_in_doubt_or_at_rest_is_waited_for_and_a_rest_ends_by_itself() -> None:
    async def scenario() -> None:
        place = Place("a", "b")
        a, b = place.fleet.members.values()
        b.resting_until = 7.0
        a.doubt()
        assert (await place.come()).member is b
        assert loop_time() == pytest.approx(7.0)
        a.showed_life(loop_time())
        assert (await place.come()).member is a

    run(scenario())


def test_nobody_waits_for_what_will_not_come() -> None:
    async def scenario() -> None:
        place = Place("a", "b")
        a, b = place.fleet.members.values()
        a.resting_until, b.resting_until = 5.0, 3.0
        with pytest.raises(EngineOverloaded) as caught:
            await place.come()
        assert caught.value.retry_after == pytest.approx(3.0)
        a.node.healthy = b.node.healthy = False
        with pytest.raises(EngineUnavailable) as unavailable:
            await place.come()
        assert not isinstance(unavailable.value, EngineOverloaded)
        assert loop_time() == 0

    run(scenario())


def test_an_ejected_server_is_used_only_when_there_is_no_other() -> None:
    async def scenario() -> None:
        place = Place("a", "b")
        a, b = place.fleet.members.values()
        for server, failed in (("a", True), ("b", False)):
            for _ in range(OutlierRules().fewest_pages):
                place.fleet.outliers.record(server, PageOutcome(failed))
        assert place.fleet.outliers.judge(["a", "b"], ["a", "b"]) is not None
        first = await place.come()
        assert first.member is b
        waiting = place.come()
        await asyncio.sleep(1)
        assert not waiting.done()
        b.node.healthy = False
        place.line.changed()
        assert (await waiting).member is a
        assert loop_time() == pytest.approx(1), "it did not wait for the ejection's end"

    run(scenario())
