"""What every implementation of the nonces promises: each is good once, whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import URL, Engine

from ocr_pipeline.adapters.memory.nonces import MemoryNonces
from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.nonces import PostgresNonces
from ocr_pipeline.domain.errors import DatabaseUnavailable
from ocr_pipeline.ports.nonces import Nonces
from tests.postgres_fixtures import NOON
from tests.waiting import PATIENCE

SECOND = timedelta(seconds=1)
ASKERS = 8


@pytest.fixture
def pools(postgres_url: URL) -> Iterator[Callable[[], Engine]]:
    """Makes pools on the test's database, each as another process would have it."""
    made: list[Engine] = []

    def make() -> Engine:
        made.append(create_pool(postgres_url, pool_size=ASKERS))
        return made[-1]

    yield make
    for pool in made:
        pool.dispose()


@pytest.fixture(params=["memory", "postgres"])
def nonces(request: pytest.FixtureRequest) -> Nonces:
    """No nonces yet, of each kind in turn."""
    if request.param == "memory":
        return MemoryNonces()
    return PostgresNonces(request.getfixturevalue("pools")())


def test_a_nonce_is_good_once(nonces: Nonces) -> None:
    assert nonces.claim("key", "nonce", until=NOON)
    assert not nonces.claim("key", "nonce", until=NOON)
    assert not nonces.claim("key", "nonce", until=NOON + SECOND)


def test_each_key_has_nonces_of_its_own(nonces: Nonces) -> None:
    claims = [("key", "nonce"), ("key", "Nonce"), ("other", "nonce"), ("key", "")]
    assert all(nonces.claim(key, nonce, until=NOON) for key, nonce in claims)
    assert not any(nonces.claim(key, nonce, until=NOON) for key, nonce in claims)


def test_many_who_claim_at_once_find_one_winner_each_time(nonces: Nonces) -> None:
    together = threading.Barrier(ASKERS)

    def claim() -> list[bool]:
        won = []
        for number in range(25):
            together.wait(PATIENCE)
            won.append(nonces.claim("key", f"nonce-{number}", until=NOON))
        return won

    with ThreadPoolExecutor(ASKERS) as pool:
        won = [claimed.result(PATIENCE) for claimed in [pool.submit(claim) for _ in range(ASKERS)]]
    assert [sum(round_) for round_ in zip(*won, strict=True)] == [1] * 25


def test_what_is_kept_long_enough_is_forgotten(nonces: Nonces) -> None:
    nonces.claim("key", "old", until=NOON)
    nonces.claim("key", "new", until=NOON + SECOND)
    assert nonces.forget(NOON) == 0
    assert nonces.forget(NOON + SECOND) == 1
    assert nonces.forget(NOON + SECOND) == 0
    assert not nonces.claim("key", "new", until=NOON)
    assert nonces.claim("key", "old", until=NOON)


def test_processes_share_the_nonces(pools: Callable[[], Engine]) -> None:
    one, two = PostgresNonces(pools()), PostgresNonces(pools())
    assert one.claim("key", "nonce", until=NOON)
    assert not two.claim("key", "nonce", until=NOON)


def test_a_silent_database_takes_no_nonce() -> None:
    pool = create_pool("postgresql://nobody@127.0.0.1:9/nothing")
    with pytest.raises(DatabaseUnavailable):
        PostgresNonces(pool).claim("key", "nonce", until=NOON)
    pool.dispose()
