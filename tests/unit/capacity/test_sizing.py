"""The sizing formula and the worked example of the requirements."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.capacity.sizing import busy_share, horizontal_throughput, instances_needed, vertical_throughput


def test_the_worked_example_needs_13() -> None:
    assert instances_needed(50, 2.0, 8) == 13


@pytest.mark.parametrize(
    ("rate", "service_time", "concurrency", "expected"),
    [(0, 2.0, 8, 1), (4, 2.0, 8, 1), (4.001, 2.0, 8, 2), (0.1 + 0.2, 10.0, 3, 1), (1000, 1.0, 1, 1000)],
)
def test_edges(rate: float, service_time: float, concurrency: int, expected: int) -> None:
    assert instances_needed(rate, service_time, concurrency) == expected


@pytest.mark.parametrize(("rate", "service_time", "concurrency"), [(-1, 1.0, 1), (1, 0.0, 1), (1, 1.0, 0)])
def test_figures_out_of_range_are_refused(rate: float, service_time: float, concurrency: int) -> None:
    with pytest.raises(ValueError, match="not negative"):
        instances_needed(rate, service_time, concurrency)


@given(st.floats(0.01, 1e4), st.floats(0.01, 100), st.integers(1, 256))
def test_the_number_is_enough_and_one_less_is_not(rate: float, service_time: float, concurrency: int) -> None:
    count = instances_needed(rate, service_time, concurrency)
    assert busy_share(rate, service_time, count * concurrency) <= 1 + 1e-6
    if count > 1:
        assert busy_share(rate, service_time, (count - 1) * concurrency) > 1


def test_ways_to_grow() -> None:
    assert horizontal_throughput(13, 4.0) == 52.0
    assert math.isclose(vertical_throughput(4.0, 24, 80), 13.333, rel_tol=1e-3)
