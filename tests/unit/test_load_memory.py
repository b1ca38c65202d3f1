"""The judge of the mixed load tells memory that grows from memory that breathes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from benchmarks.load.memory import MEBIBYTE, Growth, Samples

MINUTES = 10


def growth(size: Callable[[float], float]) -> Growth:
    """Of a process whose size in MiB is told for each minute of a run."""
    noise = Random(5)
    samples = Samples()
    for second in range(0, MINUTES * 60, 2):
        samples.add(second, round((size(second / 60) + noise.uniform(-1, 1)) * MEBIBYTE))
    return samples.growth()


@pytest.mark.parametrize(
    "size",
    [lambda _: 180.0, lambda minute: 180.0 if minute > 1 else 120.0, lambda minute: 190.0 - minute],
    ids=["level", "after warming up", "falling"],
)
def test_what_stays_is_flat(size: Callable[[float], float]) -> None:
    assert growth(size).flat


@pytest.mark.parametrize(
    "size",
    [lambda minute: 180.0 + 6 * minute, lambda minute: 180.0 + (8 * (minute - 5) if minute > 5 else 0)],
    ids=["steadily", "late"],
)
def test_what_grows_is_not(size: Callable[[float], float]) -> None:
    assert not growth(size).flat


def test_the_slope_is_that_of_the_second_half_a_minute() -> None:
    found = growth(lambda minute: 100.0 if minute < 5 else 100.0 + 2 * (minute - 5))
    assert found.slope == pytest.approx(2, abs=0.2)
    assert (found.warm, found.end) == (pytest.approx(100, abs=1), pytest.approx(109, abs=1.5))
