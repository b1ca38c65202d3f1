"""Which server a page gets."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.node import Node
from ocr_pipeline.recognition.pool.strategies import (
    Balancing,
    LeastLoad,
    RoundRobin,
    Strategy,
    WeightedRandom,
    strategy,
)


def fleet(*in_flight: int, cache: float = 0.0) -> list[Node]:
    return [
        Node(f"s{number:02}", in_flight=count, healthy=True, cache_usage=cache)
        for number, count in enumerate(in_flight)
    ]


def chosen(strategy: Strategy, nodes: list[Node], times: int) -> list[str]:
    nodes_chosen = [strategy.choose(nodes) for _ in range(times)]
    return [node.id for node in nodes_chosen if node is not None]


@pytest.mark.parametrize("balancing", Balancing)
def test_of_no_servers_none_is_chosen(balancing: Balancing) -> None:
    assert strategy(balancing, Random(1)).choose([]) is None


@pytest.mark.parametrize(
    ("balancing", "kind"),
    [
        (Balancing.LEAST_LOAD, LeastLoad),
        (Balancing.ROUND_ROBIN, RoundRobin),
        (Balancing.WEIGHTED_RANDOM, WeightedRandom),
    ],
)
def test_settings_name_strategies(balancing: Balancing, kind: type[Strategy]) -> None:
    assert isinstance(strategy(balancing, Random(1)), kind)


def test_round_robin_gives_each_its_turn_whoever_comes_and_goes() -> None:
    turns, nodes = RoundRobin(), fleet(0, 9, 3)
    assert chosen(turns, nodes, 4) == ["s00", "s01", "s02", "s00"]
    assert chosen(turns, nodes[:1] + nodes[2:], 3) == ["s02", "s00", "s02"]
    assert chosen(turns, nodes, 2) == ["s00", "s01"]


def test_least_load_takes_the_freest_and_gives_equals_their_turn() -> None:
    freest = LeastLoad(Random(1))
    assert chosen(freest, fleet(3, 1, 2), 3) == ["s01"] * 3
    assert chosen(freest, fleet(1, 1, 5, 1), 6) == ["s03", "s00", "s01", "s03", "s00", "s01"]


def test_least_load_weighs_pages_against_the_gpu() -> None:
    nodes = fleet(20, 4)
    nodes[0].cache_usage, nodes[1].cache_usage = 0.1, 0.5
    assert chosen(LeastLoad(Random(1)), nodes, 1) == ["s00"]
    nodes[0].in_flight = 24
    assert chosen(LeastLoad(Random(1)), nodes, 1) == ["s01"]


def test_among_many_servers_least_load_takes_the_better_of_two_by_lot() -> None:
    nodes = fleet(*range(17))
    counts = Counter(chosen(LeastLoad(Random(1)), nodes, 4000))
    assert "s16" not in counts, "the fullest loses to any other"
    assert len(counts) == 16, "no herd at the freest"
    # P(least of two of 17) falls linearly with the rank: (16 - rank) / (17 * 16 / 2).
    assert counts["s00"] / 4000 == pytest.approx(16 / 136, abs=0.02)
    assert counts["s08"] / 4000 == pytest.approx(8 / 136, abs=0.02)
    assert set(chosen(LeastLoad(Random(1)), nodes[:16], 50)) == {"s00"}


def test_weighted_random_follows_free_gpus() -> None:
    nodes = fleet(0, 0, 0)
    nodes[0].gpu_count, nodes[0].cache_usage = 2, 0.25
    nodes[1].gpu_count, nodes[1].cache_usage = 1, 0.5
    nodes[2].cache_usage = 1.0
    counts = Counter(chosen(WeightedRandom(Random(1)), nodes, 4000))
    assert counts["s00"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert counts["s02"] == 0


def test_weighted_random_draws_evenly_when_all_weights_are_0() -> None:
    counts = Counter(chosen(WeightedRandom(Random(1)), fleet(0, 0, 0, 0, cache=1.0), 4000))
    assert all(count / 4000 == pytest.approx(0.25, abs=0.03) for count in counts.values())


def test_a_session_stays_until_its_server_is_too_busy_for_it() -> None:
    affinity, nodes = SessionAffinity(bound=1.25, slack=2), fleet(4, 4, 4)
    home = affinity.choose(nodes, "chart")
    assert home is not None
    home.in_flight = 9
    assert affinity.choose(nodes, "chart") is home, "within 1.25 * (4 + 4 + 9) / 3 + 2"
    home.in_flight = 10
    assert affinity.choose(nodes, "chart") is None
    assert affinity.choose([], "chart") is None


def test_a_bound_below_the_mean_is_refused() -> None:
    with pytest.raises(ValueError, match="mean"):
        SessionAffinity(bound=0.9)
