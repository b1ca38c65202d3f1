"""What holds for token buckets wherever they are kept: in memory, in the database, in a real Valkey."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL
from structlog.testing import capture_logs
from valkey import Valkey

from ocr_pipeline.adapters.limits import FallbackLimiter, MemoryLimiter, ValkeyLimiter
from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.rate_buckets import PostgresBuckets
from ocr_pipeline.domain.errors import ConfigurationError, Unavailable
from ocr_pipeline.ports.rate_limits import RateLimiter, Taken
from tests.services_fixtures import lacking
from tests.waiting import PATIENCE, until
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


@pytest.fixture
def shared(server: ValkeyServer) -> Iterator[ValkeyLimiter]:
    """Buckets on that server."""
    limiter = ValkeyLimiter(server.url, timeout=PATIENCE)
    yield limiter
    limiter.close()


@pytest.fixture
def observer(server: ValkeyServer) -> Iterator[Any]:
    """A look at what the server holds; the client's own types are those of its awaited kind as well."""
    client = Valkey.from_url(server.url)
    yield client
    client.connection_pool.disconnect()


@pytest.fixture(params=["memory", "postgres", "valkey", "valkey away"])
def limiter(request: pytest.FixtureRequest) -> Iterator[RateLimiter]:
    """Full buckets. The one over Valkey waits long, so that no pause of the machine counts as an outage."""
    if request.param == "memory":
        yield MemoryLimiter()
    elif request.param == "valkey away":
        yield FallbackLimiter(ValkeyLimiter(NOBODY), MemoryLimiter())
    elif request.param == "postgres":
        url: URL = request.getfixturevalue("postgres_url")
        pool = create_pool(url, pool_size=ASKERS)
        yield PostgresBuckets(pool)
        pool.dispose()
    else:
        yield request.getfixturevalue("shared")


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
        together.wait(PATIENCE)
        return [limiter.take("clinic", per_second=NEVER, burst=burst) for _ in range(10)]

    with ThreadPoolExecutor(ASKERS) as threads:
        asked = [threads.submit(ask) for _ in range(ASKERS)]
        taken = [one for answers in asked for one in answers.result(PATIENCE)]
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
    limiters = [ValkeyLimiter(server.url, timeout=PATIENCE) for _ in range(2)]
    taken = [limiter.take("clinic", per_second=NEVER, burst=3).allowed for limiter in limiters * 2]
    assert taken == [True, True, True, False]
    for limiter in limiters:
        limiter.close()


def test_a_clock_set_back_locks_nobody_out_of_valkey(shared: ValkeyLimiter, observer: Any) -> None:
    """What a server holds whose clock was set back an hour: the time and the expiry of every key lie an hour ahead."""
    for _ in range(10):
        shared.take("clinic", per_second=1, burst=10)
    (key,) = observer.keys("*")
    observer.set(key, int(observer.get(key)) + 3_600_000_000, ex=3_700)
    refused = shared.take("clinic", per_second=1, burst=10)
    assert not refused.allowed
    assert refused.remaining == 0
    assert 0 < refused.retry_after <= 1
    assert 9 < refused.reset_after <= 10
    _pass(refused.retry_after)
    assert shared.take("clinic", per_second=1, burst=10).allowed


def test_a_clock_set_back_locks_nobody_out_of_a_process() -> None:
    now = 7_200.0
    limiter = MemoryLimiter(lambda: now)
    for _ in range(10):
        limiter.take("clinic", per_second=1, burst=10)
    now -= 3_600
    refused = limiter.take("clinic", per_second=1, burst=10)
    assert (refused.allowed, refused.retry_after, refused.reset_after) == (False, 1, 10)
    now += 1
    assert limiter.take("clinic", per_second=1, burst=10).allowed


def test_a_full_bucket_takes_no_room_in_valkey(shared: ValkeyLimiter, observer: Any) -> None:
    """A key lives until its bucket is full, and is gone then."""
    shared.take("clinic", per_second=1 / 3_600, burst=100)
    assert 0 < observer.pttl("ocr:rate:clinic") <= 3_600_000
    observer.config_set("hz", 100)
    shared.take("ward", per_second=1_000, burst=100)
    until(lambda: observer.keys("*") == [b"ocr:rate:clinic"], "the full bucket to go")


def test_full_buckets_take_no_room_in_a_process() -> None:
    now = 0.0
    limiter = MemoryLimiter(lambda: now)
    for number in range(30_000):
        now = number / 1_000
        limiter.take(f"made up {number}", per_second=1, burst=1)
    assert len(limiter._full_at) < 12_000


def test_valkey_is_asked_once_a_request(shared: ValkeyLimiter, observer: Any) -> None:
    """One round trip, in which nobody comes between reading the bucket and writing it."""
    shared.take("clinic", per_second=1, burst=10)
    observer.config_resetstat()
    for _ in range(10):
        shared.take("clinic", per_second=1, burst=10)
    calls = {name: stats["calls"] for name, stats in observer.info("commandstats").items()}
    inside = {name: calls.pop(f"cmdstat_{name}", 0) for name in ("time", "get", "set")}
    calls.pop("cmdstat_config|resetstat", None)
    calls.pop("cmdstat_info", None)
    assert calls == {"cmdstat_evalsha": 10}
    assert inside == {"time": 10, "get": 10, "set": 10}


def test_a_valkey_that_cannot_be_asked_is_unavailable(server: ValkeyServer) -> None:
    """A server that is not there, wants a password, or will not keep buckets: none of them lets a request pass."""
    for url in (NOBODY, f"valkey://{server.address}", f"valkey://:wrong@{server.address}"):
        limiter = ValkeyLimiter(url)
        with pytest.raises(Unavailable) as raised:
            limiter.take("clinic", per_second=1, burst=1)
        assert "127.0.0.1" not in str(raised.value)
        limiter.close()


def test_a_full_valkey_is_unavailable(shared: ValkeyLimiter, observer: Any) -> None:
    observer.config_set("maxmemory", 1)
    with pytest.raises(Unavailable):
        shared.take("clinic", per_second=1, burst=1)


def test_without_valkey_each_process_counts_alone_and_says_so_once() -> None:
    alone: list[int] = []
    with capture_logs() as logs:
        limiters = [
            FallbackLimiter(ValkeyLimiter(NOBODY), MemoryLimiter(), counted=lambda: alone.append(1)) for _ in range(2)
        ]
        taken = [limiter.take("clinic", per_second=NEVER, burst=3).allowed for limiter in limiters for _ in range(5)]
    assert taken == [True, True, True, False, False] * 2
    assert len(alone) == 10
    assert [(log["log_level"], log["code"]) for log in logs] == [("warning", "unavailable")] * 2
    assert "127.0.0.1" not in str(logs)


def test_a_limiter_outlives_its_valkey(server: ValkeyServer) -> None:
    """A server that comes back empty has forgotten what was taken, there and meanwhile."""
    now = 0.0
    alone: list[float] = []
    shared = ValkeyLimiter(server.url, timeout=PATIENCE)
    limiter = FallbackLimiter(shared, MemoryLimiter(), counted=lambda: alone.append(now), now=lambda: now)

    def both() -> list[bool]:
        return [limiter.take("clinic", per_second=NEVER, burst=1).allowed for _ in range(2)]

    with capture_logs() as logs:
        assert both() == [True, False]
        server.kill()
        assert both() == [True, False]
        server.start()
        assert both() == [False, False], "nobody asks before the pause is over"
        now = 6.0
        assert both() == [True, False]
    shared.close()
    assert alone == [0.0] * 4
    assert [log["log_level"] for log in logs] == ["warning", "info"]
    assert server.url not in str(logs)


def test_in_an_outage_one_request_waits_and_the_others_do_not(server: ValkeyServer) -> None:
    """A frozen server costs a request its time-out; a pause must then pass before another is made to wait."""
    now = 0.0
    shared = _Watched(ValkeyLimiter(server.url, timeout=0.25))
    limiter = FallbackLimiter(shared, MemoryLimiter(), pause=60, now=lambda: now)
    server.freeze()
    try:
        taken = [limiter.take("clinic", per_second=NEVER, burst=5) for _ in range(100)]
        assert shared.asked == 1
        now = 61.0
        limiter.take("clinic", per_second=NEVER, burst=5)
        assert shared.asked == 2
    finally:
        server.thaw()
        shared.inner.close()
    assert [one.allowed for one in taken] == [True] * 5 + [False] * 95


@pytest.mark.parametrize(
    "url",
    [
        "http://clinic:secret@cache/0",
        "cache:6379",
        "valkey://cache:port/0",
        "valkey://:secret@cache/0?socket_timeout=long",
        "valkey://:secret@cache/0?no_such_option=1",
        "redis+cluster://cache",
        "",
    ],
)
def test_an_address_that_is_none_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ValkeyLimiter(url)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


class _Watched:
    """Counts how often a limiter is asked."""

    def __init__(self, inner: ValkeyLimiter) -> None:
        self.inner = inner
        self.asked = 0

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        self.asked += 1
        return self.inner.take(client_id, per_second=per_second, burst=burst)


def _pass(seconds: float) -> None:
    """Let real time pass: these clocks are the servers' own."""
    time.sleep(seconds)
