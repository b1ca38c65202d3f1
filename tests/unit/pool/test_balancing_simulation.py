"""The simulated fleet is what it says, and least load is worth having in it. Time is virtual: no figure is a timing."""

from __future__ import annotations

import statistics

import pytest

from benchmarks.balancing import (
    IMAGE_WORK,
    MIXED,
    PLAIN,
    ROOM,
    TOKENS_A_SECOND,
    Events,
    Gpu,
    Page,
    Server,
    Settings,
    pace,
    quantile,
    simulate,
)
from ocr_pipeline.recognition.pool.strategies import Balancing


def ends_of(arrivals: list[tuple[float, float]], gpu: Gpu = MIXED[0]) -> dict[int, float]:
    """When each page (arrives at, tokens) of one server ends."""
    events = Events()
    ends: dict[int, float] = {}
    server = Server(events, gpu, slowdown=0.5)

    def arrive(number: int, tokens: float) -> None:
        server.take(Page("", tokens, lambda: ends.update({number: events.now})))

    for number, (moment, tokens) in enumerate(arrivals):
        events.at(moment, lambda number=number, tokens=tokens: arrive(number, tokens))  # type: ignore[misc]
    events.run(lambda: len(ends) == len(arrivals))
    return ends


def test_a_page_alone_has_the_gpu_to_itself() -> None:
    alone = (100 + IMAGE_WORK) / TOKENS_A_SECOND
    assert ends_of([(0, 100)])[0] == pytest.approx(alone)
    assert ends_of([(0, 100)], Gpu(2.0))[0] == pytest.approx(alone / 2)


def test_pages_together_slow_each_other_down() -> None:
    alone = (100 + IMAGE_WORK) / TOKENS_A_SECOND
    assert ends_of([(0, 100), (0, 100)]) == pytest.approx({0: 1.5 * alone, 1: 1.5 * alone})
    # A quarter of each is written while both are there, at two thirds of the speed.
    assert ends_of([(0, 100), (0.75 * alone, 100)]) == pytest.approx({0: 1.125 * alone, 1: 1.875 * alone})


def test_beyond_its_room_a_server_lets_pages_wait() -> None:
    ends = ends_of([(0, 100)] * (ROOM + 1))
    full = (100 + IMAGE_WORK) / pace(MIXED[0], ROOM, 0.5)
    assert sorted(ends.values())[ROOM - 1] == pytest.approx(full)
    assert max(ends.values()) == pytest.approx(full + (100 + IMAGE_WORK) / TOKENS_A_SECOND)


def tails(method: str, seeds: int = 3) -> list[float]:
    return [quantile(simulate(Settings(method, 0.7, seed, pages=1200)), 0.95) for seed in range(seeds)]


def test_with_mixed_pages_and_mixed_gpus_least_load_has_the_shorter_tail() -> None:
    plain, turns, least = tails(PLAIN), tails(Balancing.ROUND_ROBIN), tails(Balancing.LEAST_LOAD)
    assert statistics.fmean(a / b for a, b in zip(least, plain, strict=True)) < 0.8
    assert all(a < b for a, b in zip(least, turns, strict=True))
    assert tails(Balancing.LEAST_LOAD) == least, "the same in every run"
