"""Waits before a new start."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.engines.serve.backoff import Backoff, BackoffRules


def test_doubles_up_to_the_cap() -> None:
    backoff = Backoff(BackoffRules(first=1.0, cap=60.0), draw=lambda: 1.0)
    assert [backoff.after(0.0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_long_good_time_makes_up_for_earlier_faults() -> None:
    backoff = Backoff(BackoffRules(first=1.0, cap=60.0, settled=300.0), draw=lambda: 1.0)
    for _ in range(5):
        backoff.after(299.0)
    assert backoff.after(300.0) == 1.0
    assert backoff.after(0.0) == 2.0


@given(st.integers(1, 5000), st.floats(0, 1, exclude_max=True))
def test_is_spread_over_the_upper_half_of_the_bound(faults: int, draw: float) -> None:
    backoff = Backoff(BackoffRules(first=1.0, cap=60.0), lambda: draw)
    waits = [backoff.after(0.0) for _ in range(faults)]
    bound = min(60.0, 2.0 ** (faults - 1)) if faults < 100 else 60.0
    assert bound / 2 <= waits[-1] <= bound
