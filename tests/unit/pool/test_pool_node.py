"""How busy a server is taken to be."""

from __future__ import annotations

import pytest

from ocr_pipeline.ports.generation import ServerLoad
from ocr_pipeline.recognition.pool.node import Gauge, Node, gauge_of

GIB = 2**30


def test_the_score_is_the_requirements_formula() -> None:
    node = Node("a", in_flight=8, gpu_memory_used=20 * GIB, gpu_memory_total=80 * GIB)
    assert node.load_score(Gauge.MEMORY) == pytest.approx(0.4 * 8 / 32 + 0.6 * 0.25)


@pytest.mark.parametrize(("in_flight", "reported", "active"), [(0, 5, 5), (3, 5, 5), (7, 5, 7)])
def test_active_requests_are_the_more_of_what_is_counted_and_what_is_reported(
    in_flight: int, reported: int, active: int
) -> None:
    node = Node("a", in_flight=in_flight)
    node.report(ServerLoad(running=reported - 2, waiting=2))
    assert node.active == active


def test_between_reports_the_figure_follows_the_pools_own_pages() -> None:
    node = Node("a", max_concurrent=8, in_flight=3)
    node.report(ServerLoad(running=8))
    assert (node.active, node.has_room) == (8, False)
    node.in_flight = 1
    assert (node.active, node.has_room) == (6, True)
    node.in_flight = 4
    assert node.active == 9
    node.forget_report()
    assert node.active == 4


def test_where_memory_is_measured_it_is_the_gauge_and_a_server_without_it_counts_as_full() -> None:
    measured, unmeasured = Node("a"), Node("b")
    measured.report(ServerLoad(cache_usage=0.9, gpu_memory_used=30 * GIB, gpu_memory_total=40 * GIB))
    unmeasured.report(ServerLoad(cache_usage=0.1))
    gauge = gauge_of([measured, unmeasured])
    assert gauge is Gauge.MEMORY
    assert measured.gpu_utilisation(gauge) == 0.75
    assert unmeasured.gpu_utilisation(gauge) == 1.0


def test_where_nobody_measures_memory_the_cache_stands_in_and_silence_counts_as_full() -> None:
    busy, idle, silent = Node("a"), Node("b"), Node("c")
    busy.report(ServerLoad(cache_usage=0.8))
    idle.report(ServerLoad())
    gauge = gauge_of([busy, idle, silent])
    assert gauge is Gauge.CACHE
    assert [node.gpu_utilisation(gauge) for node in (busy, idle, silent)] == [0.8, 0.0, 1.0]


def test_nonsense_in_a_report_stays_within_bounds() -> None:
    node = Node("a")
    node.report(ServerLoad(running=-4, cache_usage=7.0, gpu_memory_used=2 * GIB, gpu_memory_total=GIB))
    assert node.active == 0
    assert node.gpu_utilisation(Gauge.CACHE) == node.gpu_utilisation(Gauge.MEMORY) == 1.0
