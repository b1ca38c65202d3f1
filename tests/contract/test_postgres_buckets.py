"""Token buckets in the database: bursts, refilling, many who ask at once, and a simple model beside the statement."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from fractions import Fraction
from math import ceil, floor, inf, nan
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Engine, text

from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.rate_buckets import PostgresBuckets
from ocr_pipeline.domain.errors import DatabaseUnavailable
from ocr_pipeline.ports.rate_limits import RateLimiter, Taken
from tests.waiting import PATIENCE

ASKERS = 8
NEVER = 1 / 1_000_000
"""One token in eleven days: none comes while a test runs, however slowly."""


@pytest.fixture
def pool(postgres_url: URL) -> Iterator[Engine]:
    """Connections to an empty database."""
    made = create_pool(postgres_url, pool_size=ASKERS)
    yield made
    made.dispose()


@pytest.fixture
def buckets(pool: Engine) -> RateLimiter:
    """Full buckets."""
    return PostgresBuckets(pool)


@pytest.fixture
def pass_time(pool: Engine) -> Callable[[timedelta], None]:
    """Lets time pass for every bucket, by setting them back: the database's own clock cannot be moved."""
    statement = text("UPDATE rate_buckets SET full_at = full_at - :time, asked_at = asked_at - :time")

    def pass_time(time: timedelta) -> None:
        with pool.begin() as connection:
            connection.execute(statement, {"time": time})

    return pass_time


def test_a_full_bucket_gives_a_burst_and_no_more(buckets: RateLimiter) -> None:
    taken = [buckets.take("clinic", per_second=NEVER, burst=3) for _ in range(5)]
    assert [one.allowed for one in taken] == [True, True, True, False, False]
    assert [one.remaining for one in taken] == [2, 1, 0, 0, 0]
    assert [ceil(one.retry_after) for one in taken[:2]] == [0, 0]
    for one, missing in zip(taken, (1, 2, 3, 3, 3), strict=True):
        assert one.reset_after == pytest.approx(missing * 1_000_000, abs=600)
    for one in taken[2:]:
        assert one.retry_after == pytest.approx(1_000_000, abs=600)


def test_the_first_token_costs_exactly_its_time(buckets: RateLimiter) -> None:
    assert buckets.take("clinic", per_second=4, burst=1) == Taken(
        allowed=True, remaining=0, retry_after=0.25, reset_after=0.25
    )


def test_each_client_has_a_bucket_of_its_own(buckets: RateLimiter) -> None:
    clients = ["clinic", "Clinic", "의원", ""]
    for allowed in (True, False):
        assert [buckets.take(client, per_second=NEVER, burst=1).allowed for client in clients] == [allowed] * 4


def test_tokens_come_with_time(buckets: RateLimiter, pass_time: Callable[[timedelta], None]) -> None:
    day = 1 / timedelta(days=1).total_seconds()
    for _ in range(3):
        buckets.take("clinic", per_second=day, burst=3)
    pass_time(timedelta(days=0.9))
    assert not buckets.take("clinic", per_second=day, burst=3).allowed
    pass_time(timedelta(days=0.1))
    assert [buckets.take("clinic", per_second=day, burst=3).allowed for _ in range(2)] == [True, False]
    pass_time(timedelta(days=100))
    assert [buckets.take("clinic", per_second=day, burst=3).remaining for _ in range(3)] == [2, 1, 0]


def test_a_fast_bucket_refills_while_it_is_asked(buckets: RateLimiter) -> None:
    """No statement is faster than a microsecond, so that a token has come before each."""
    assert all(buckets.take("clinic", per_second=inf, burst=1).allowed for _ in range(20))


@pytest.mark.parametrize("burst", [1, 20])
def test_as_many_as_a_burst_win_of_all_who_ask_at_once(buckets: RateLimiter, burst: int) -> None:
    together = threading.Barrier(ASKERS)

    def ask() -> list[Taken]:
        together.wait(PATIENCE)
        return [buckets.take("clinic", per_second=NEVER, burst=burst) for _ in range(10)]

    with ThreadPoolExecutor(ASKERS) as threads:
        asked = [threads.submit(ask) for _ in range(ASKERS)]
        taken = [one for answers in asked for one in answers.result(PATIENCE)]
    allowed = [one for one in taken if one.allowed]
    assert sorted(one.remaining for one in allowed) == list(range(burst))
    assert all(one.remaining == 0 and one.retry_after > 0 for one in taken if not one.allowed)


def test_a_changed_allowance_holds_at_once(buckets: RateLimiter) -> None:
    for _ in range(10):
        buckets.take("clinic", per_second=NEVER, burst=10)
    assert buckets.take("clinic", per_second=NEVER, burst=12).remaining == 1
    shrunk = buckets.take("clinic", per_second=1 / 1000, burst=2)
    assert (shrunk.allowed, shrunk.remaining) == (False, 0)
    assert (shrunk.retry_after, shrunk.reset_after) == (1000, 2000)


def test_a_clock_that_was_set_back_costs_one_burst_at_most(
    buckets: RateLimiter, pass_time: Callable[[timedelta], None]
) -> None:
    buckets.take("clinic", per_second=1 / 1000, burst=3)
    pass_time(timedelta(days=-365))
    taken = buckets.take("clinic", per_second=1 / 1000, burst=3)
    assert (taken.allowed, taken.retry_after, taken.reset_after) == (False, 1000, 3000)


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (nan, 1), (1, 0), (1, -1)])
def test_a_bucket_that_never_gives_is_refused(buckets: RateLimiter, per_second: float, burst: int) -> None:
    with pytest.raises(ValueError, match="bucket"):
        buckets.take("clinic", per_second=per_second, burst=burst)


def test_a_silent_database_gives_no_token() -> None:
    pool = create_pool("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(DatabaseUnavailable):
        PostgresBuckets(pool).take("clinic", per_second=1, burst=1)
    pool.dispose()


class Model:
    """tokens = min(B, tokens + r * elapsed), counted in tenths of a token."""

    def __init__(self, burst: int) -> None:
        self._burst = self._tokens = Fraction(burst)

    def pass_tenths(self, tenths: int) -> None:
        self._tokens = min(self._burst, self._tokens + Fraction(tenths, 10))

    def take(self) -> tuple[bool, int, float, float]:
        """Whether there was one, how many are left, and the times until one and all, in tenths of a token's time."""
        allowed = self._tokens >= 1
        self._tokens -= allowed
        until_one, until_all = max(1 - self._tokens, Fraction(0)), self._burst - self._tokens
        return allowed, floor(self._tokens), float(until_one * 10), float(until_all * 10)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(burst=st.integers(1, 5), waits=st.lists(st.integers(0, 25), min_size=1, max_size=12))
def test_the_statement_does_as_the_model(
    buckets: RateLimiter, pass_time: Callable[[timedelta], None], burst: int, waits: list[int]
) -> None:
    """A tenth of a token's time is far longer than a test may run; the time it does run is what is given leave for."""
    tenth = timedelta(seconds=100_000)
    model, client = Model(burst), uuid4().hex
    for wait in waits:
        pass_time(wait * tenth)
        model.pass_tenths(wait)
        taken = buckets.take(client, per_second=0.1 / tenth.total_seconds(), burst=burst)
        allowed, remaining, until_one, until_all = model.take()
        assert (taken.allowed, taken.remaining) == (allowed, remaining)
        assert taken.retry_after / tenth.total_seconds() == pytest.approx(until_one, abs=0.01)
        assert taken.reset_after / tenth.total_seconds() == pytest.approx(until_all, abs=0.01)
