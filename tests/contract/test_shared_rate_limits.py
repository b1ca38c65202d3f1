"""What holds for token buckets wherever they are kept: in memory, in the database, in a real Valkey."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import inf, nan
from pathlib import Path

import pytest
from sqlalchemy import URL
from structlog.testing import capture_logs
from throttled.store import BaseStore

from ocr_pipeline.adapters.limits import MemoryLimiter, ValkeyLimiter
from ocr_pipeline.adapters.limits import valkey as valkey_limits
from ocr_pipeline.adapters.limits.gcra import take_one
from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.rate_buckets import PostgresBuckets
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.ports.rate_limits import RateLimiter, Taken
from tests.services_fixtures import lacking
from tools.private_valkey import ValkeyServer, ValkeyServerError

ASKERS = 8
NEVER = 1 / 1_000_000
"""One token in eleven days: none comes while a test runs, however slowly."""
NOBODY = "valkey://127.0.0.1:9/0"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A started Valkey of the test's own."""
    server = ValkeyServer(tmp_path / "valkey")
    try:
        server.start()
    except ValkeyServerError as error:
        lacking(str(error))
    yield server
    server.kill()


@pytest.fixture(params=["memory", "postgres", "valkey"])
def limiter(request: pytest.FixtureRequest) -> Iterator[RateLimiter]:
    """Full buckets. The one over Valkey waits long, so that no pause of the machine lets a request pass."""
    if request.param == "memory":
        yield MemoryLimiter()
    elif request.param == "postgres":
        url: URL = request.getfixturevalue("postgres_url")
        pool = create_pool(url, pool_size=ASKERS)
        yield PostgresBuckets(pool)
        pool.dispose()
    else:
        server: ValkeyServer = request.getfixturevalue("server")
        shared = ValkeyLimiter(server.url, timeout=30)
        yield shared
        shared.close()


def test_a_full_bucket_gives_a_burst_and_no_more(limiter: RateLimiter) -> None:
    taken = [limiter.take("clinic", per_second=NEVER, burst=3) for _ in range(5)]
    assert [one.allowed for one in taken] == [True, True, True, False, False]
    assert [one.remaining for one in taken] == [2, 1, 0, 0, 0]
    assert [one.retry_after for one in taken[:2]] == [0, 0]
    for one, missing in zip(taken, (1, 2, 3, 3, 3), strict=True):
        assert one.reset_after == pytest.approx(missing * 1_000_000, abs=600)
    for one in taken[2:]:
        assert one.retry_after == pytest.approx(1_000_000, abs=600)


def test_each_client_has_a_bucket_of_its_own(limiter: RateLimiter) -> None:
    clients = ["clinic", "Clinic", "의원", ""]
    for allowed in (True, False):
        assert [limiter.take(client, per_second=NEVER, burst=1).allowed for client in clients] == [allowed] * 4


@pytest.mark.parametrize("burst", [1, 20])
def test_as_many_as_a_burst_win_of_all_who_ask_at_once(limiter: RateLimiter, burst: int) -> None:
    together = threading.Barrier(ASKERS)

    def ask() -> list[Taken]:
        together.wait(30)
        return [limiter.take("clinic", per_second=NEVER, burst=burst) for _ in range(10)]

    with ThreadPoolExecutor(ASKERS) as threads:
        asked = [threads.submit(ask) for _ in range(ASKERS)]
        taken = [one for answers in asked for one in answers.result(60)]
    assert sorted(one.remaining for one in taken if one.allowed) == list(range(burst))
    assert all(one.remaining == 0 and one.retry_after > 0 for one in taken if not one.allowed)


def test_a_token_comes_when_it_was_said_to_come(limiter: RateLimiter) -> None:
    for _ in range(3):
        assert limiter.take("clinic", per_second=2, burst=3).allowed
    refused = limiter.take("clinic", per_second=2, burst=3)
    if refused.allowed:
        pytest.skip("the machine paused until a token had come")
    assert 0 < refused.retry_after <= 0.5
    assert 1 < refused.reset_after <= 1.5
    _pass(refused.retry_after)
    assert limiter.take("clinic", per_second=2, burst=3).allowed


def test_a_bucket_holds_no_more_than_a_burst(limiter: RateLimiter) -> None:
    for _ in range(3):
        limiter.take("clinic", per_second=100_000, burst=3)
    _pass(0.01)
    assert limiter.take("clinic", per_second=100_000, burst=3).remaining == 2


def test_a_fast_bucket_refills_while_it_is_asked(limiter: RateLimiter) -> None:
    """None asks faster than once a microsecond, in which a token has come."""
    assert all(limiter.take("clinic", per_second=inf, burst=1).allowed for _ in range(20))


def test_a_changed_allowance_holds_at_once(limiter: RateLimiter) -> None:
    for _ in range(10):
        limiter.take("clinic", per_second=NEVER, burst=10)
    assert limiter.take("clinic", per_second=NEVER, burst=12).allowed
    slow = [limiter.take("clinic", per_second=1 / 1000, burst=2) for _ in range(3)]
    assert not slow[-1].allowed
    assert all(one.remaining <= 1 and one.retry_after <= 1000 and one.reset_after <= 2000 for one in slow)


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (nan, 1), (1, 0), (1, -1)])
def test_a_bucket_that_never_gives_is_refused(limiter: RateLimiter, per_second: float, burst: int) -> None:
    with pytest.raises(ValueError, match="bucket"):
        limiter.take("clinic", per_second=per_second, burst=burst)


def test_processes_share_the_buckets_of_one_valkey(server: ValkeyServer) -> None:
    """Two limiters with connections of their own stand for two processes."""
    limiters = [ValkeyLimiter(server.url, timeout=30) for _ in range(2)]
    taken = [limiter.take("clinic", per_second=NEVER, burst=3).allowed for limiter in limiters * 2]
    assert taken == [True, True, True, False]
    for limiter in limiters:
        limiter.close()


def test_a_dead_valkey_lets_requests_pass_and_is_told_once() -> None:
    with capture_logs() as logs:
        limiter = ValkeyLimiter(NOBODY)
        taken = [limiter.take("clinic", per_second=NEVER, burst=1) for _ in range(50)]
        limiter.close()
    assert taken == [Taken(allowed=True, remaining=1, retry_after=0, reset_after=0)] * 50
    assert [(log["log_level"], log["error"]) for log in logs] == [("warning", "ConnectionError")]
    assert "127.0.0.1" not in str(logs)


def test_a_limiter_outlives_its_valkey(server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_limits, "SECONDS_BETWEEN_TRIALS", 0.0)
    with capture_logs() as logs:
        limiter = ValkeyLimiter(server.url, timeout=30)
        for _ in range(2):
            assert [limiter.take("clinic", per_second=NEVER, burst=1).allowed for _ in range(2)] == [True, False]
            server.kill()
            assert [limiter.take("clinic", per_second=NEVER, burst=1).allowed for _ in range(2)] == [True, True]
            server.start()
        assert [limiter.take("clinic", per_second=NEVER, burst=1).allowed for _ in range(2)] == [True, False]
        limiter.close()
    assert [log["log_level"] for log in logs] == ["warning", "info"] * 2


def test_in_an_outage_one_request_waits_and_the_others_do_not(
    server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen server costs a request its time-out; a minute must then pass before another is made to wait."""
    monkeypatch.setattr(valkey_limits, "SECONDS_BETWEEN_TRIALS", 60.0)
    asked: list[str] = []

    def counted(store: BaseStore, client_id: str, *, per_second: float, burst: int) -> Taken:
        asked.append(client_id)
        return take_one(store, client_id, per_second=per_second, burst=burst)

    monkeypatch.setattr(valkey_limits, "take_one", counted)
    limiter = ValkeyLimiter(server.url, timeout=0.25)
    server.freeze()
    try:
        assert all(limiter.take("clinic", per_second=NEVER, burst=1).allowed for _ in range(100))
    finally:
        server.thaw()
        limiter.close()
    assert asked == ["clinic"]


@pytest.mark.parametrize(
    "url", ["http://clinic:secret@cache/0", "cache:6379", "valkey://cache:port/0", "redis+cluster://cache", ""]
)
def test_an_address_that_is_none_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ValkeyLimiter(url)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def _pass(seconds: float) -> None:
    """Let real time pass: these clocks are the servers' own."""
    time.sleep(seconds)
