"""Whoever is there, a choice is one of them; sessions move only when they must; the waiting line keeps its order."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.breaker import Breaker, BreakerRules
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.fleet import Fleet
from ocr_pipeline.recognition.pool.line import Journey, WaitingLine
from ocr_pipeline.recognition.pool.member import Lease, Member
from ocr_pipeline.recognition.pool.node import Node, gauge_of
from ocr_pipeline.recognition.pool.outliers import OutlierRules, Outliers, PageOutcome
from ocr_pipeline.recognition.pool.strategies import Balancing, LeastLoad, RoundRobin, strategy
from ocr_pipeline.recognition.pool.suspects import Suspicion
from tests.unit.pool.fake_server import FakeServer
from tests.unit.pool.virtual import run

NAMES = st.lists(st.text("abcdef:0189", min_size=1, max_size=6), min_size=1, max_size=24, unique=True)


@st.composite
def fleets(draw: st.DrawFn) -> list[Node]:
    return [
        Node(
            name,
            healthy=True,
            in_flight=draw(st.integers(0, 31)),
            gpu_count=draw(st.integers(1, 8)),
            gpu_memory_used=draw(st.integers(0, 100)),
            gpu_memory_total=draw(st.sampled_from([0, 0, 100])),
            cache_usage=draw(st.none() | st.floats(0, 1)),
        )
        for name in draw(NAMES)
    ]


@pytest.mark.parametrize("balancing", Balancing)
@given(nodes=fleets(), seed=st.integers(0, 99))
def test_a_choice_is_one_of_those_there(balancing: Balancing, nodes: list[Node], seed: int) -> None:
    chooser = strategy(balancing, Random(seed))
    assert all(chooser.choose(nodes) in nodes for _ in range(5))


@given(nodes=fleets())
def test_round_robin_leaves_nobody_out(nodes: list[Node]) -> None:
    turns = RoundRobin()
    assert {node.id for node in nodes} == {chosen.id for _ in nodes if (chosen := turns.choose(nodes))}


@given(nodes=fleets(), seed=st.integers(0, 99))
def test_least_load_finds_the_least_among_few(nodes: list[Node], seed: int) -> None:
    chosen = LeastLoad(Random(seed), many=len(nodes)).choose(nodes)
    gauge = gauge_of(nodes)
    assert chosen is not None
    assert chosen.load_score(gauge) == min(node.load_score(gauge) for node in nodes)


@given(names=NAMES, session=st.text(max_size=10), data=st.data())
def test_only_the_sessions_of_a_server_that_goes_move(names: list[str], session: str, data: st.DataObject) -> None:
    affinity, nodes = SessionAffinity(), [Node(name, healthy=True) for name in names]
    home = affinity.choose(nodes, session)
    assert home is not None
    assert affinity.choose(nodes[::-1], session) is home
    gone = data.draw(st.sampled_from(nodes))
    rest = [node for node in nodes if node is not gone]
    assert gone is home or affinity.choose(rest, session) is home


def test_sessions_spread_over_the_servers() -> None:
    affinity, nodes = SessionAffinity(), [Node(f"vllm-{number}:8000", healthy=True) for number in range(8)]
    homes = [node.id for number in range(4000) if (node := affinity.choose(nodes, f"session {number}"))]
    assert all(400 < homes.count(node.id) < 600 for node in nodes)


@given(
    servers=st.integers(1, 7),
    events=st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.floats(0, 20), st.floats(0, 30)), max_size=120),
)
def test_ejections_never_take_more_than_half_nor_the_last(
    servers: int, events: list[tuple[int, bool, float, float]]
) -> None:
    seconds = 0.0
    outliers = Outliers(OutlierRules(fewest_pages=1, fewest_tokens=1, failure_margin=0.0), lambda: seconds)
    names = [str(number) for number in range(servers)]
    for number, failed, pace, pause in events:
        seconds += pause
        outliers.record(names[number % servers], PageOutcome(failed, pace * 10, 10))
        outliers.judge(names, names)
        ejected = sum(outliers.is_ejected(name) for name in names)
        assert ejected <= servers // 2
        assert ejected < servers


@given(
    room=st.integers(1, 3),
    steps=st.lists(st.none() | st.integers(0, 2), min_size=1, max_size=40),
)
def test_urgent_goes_before_bulk_and_the_first_come_first(room: int, steps: list[int | None]) -> None:
    """A step is a page of some priority that comes, or None: a page on a server ends."""

    async def scenario() -> None:
        fleet = Fleet(Outliers(OutlierRules(), loop_time), loop_time)
        breaker = Breaker(BreakerRules(), loop_time)
        fleet.members["a"] = Member(FakeServer("a"), Node("a", room, healthy=True), breaker, loop_time)
        line = WaitingLine(fleet, RoundRobin(), None, loop_time)
        inside: list[Lease] = []
        order: list[tuple[int, int]] = []
        waiting: list[tuple[int, int]] = []

        async def come(priority: int, number: int) -> None:
            journey = Journey(number, priority, None, None, loop_time(), 1e6, Suspicion())
            inside.append(await line.admit(journey))
            order.append((priority, number))

        async with asyncio.TaskGroup() as crowd:
            for number, step in enumerate(steps + [None] * len(steps)):
                if step is not None:
                    crowd.create_task(come(step, number))
                    waiting.append((step, number))
                elif inside:
                    line.give_back(inside.pop())
                before = len(order)
                await asyncio.sleep(0.001)
                for entered in order[before:]:
                    assert entered == min(waiting)
                    waiting.remove(entered)
                assert len(inside) <= room
                assert line.waiting == len(waiting)
                assert not waiting or len(inside) == room

    run(scenario())
