"""A bucket known by when it will be full again, beside the formula that it stands for, and under any clock."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.limits import MemoryLimiter

MICROSECONDS = 1_000_000


@given(
    cost=st.integers(1, 10_000_000),
    burst=st.integers(1, 50),
    steps=st.lists(st.integers(0, 100_000_000), max_size=60),
)
def test_it_holds_what_the_formula_says(cost: int, burst: int, steps: list[int]) -> None:
    """min(B, tokens + r * t), with `cost` microseconds for one token."""
    now = 0
    limiter = MemoryLimiter(lambda: now / MICROSECONDS)
    tokens = Fraction(burst)
    for step in steps:
        now += step
        tokens = min(Fraction(burst), tokens + Fraction(step, cost))
        allowed = tokens >= 1
        tokens -= allowed
        taken = limiter.take("clinic", per_second=MICROSECONDS / cost, burst=burst)
        assert (taken.allowed, taken.remaining) == (allowed, int(tokens))


@given(
    allowances=st.lists(st.tuples(st.integers(1, 10_000_000), st.integers(1, 50)), min_size=1, max_size=3),
    steps=st.lists(st.integers(-10_000_000_000, 10_000_000_000), max_size=60),
)
def test_nobody_waits_longer_than_for_one_token(allowances: list[tuple[int, int]], steps: list[int]) -> None:
    """Whatever the clock does, and whatever the allowance was before."""
    now = 0
    limiter = MemoryLimiter(lambda: now / MICROSECONDS)
    for number, step in enumerate(steps):
        now += step
        cost, burst = allowances[number % len(allowances)]
        taken = limiter.take("clinic", per_second=MICROSECONDS / cost, burst=burst)
        assert 0 <= taken.remaining < burst
        assert taken.retry_after * MICROSECONDS <= cost * 1.000001
        assert taken.reset_after * MICROSECONDS <= cost * burst * 1.000001
        now += round(taken.retry_after * MICROSECONDS)
        assert limiter.take("clinic", per_second=MICROSECONDS / cost, burst=burst).allowed
