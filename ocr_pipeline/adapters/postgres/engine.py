"""Connections to the database: a bounded pool with bounded waits, and nothing of a statement's values in any log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""libpq settings by which a silent peer is noticed within a minute."""

_TRUSTED_SECONDS = 1.0
"""A connection that was good so shortly ago is taken as good: no server restarts in less."""

_RETURNED = "returned"


def create_pool(
    url: str | URL,
    *,
    pool_size: int = 5,
    connect_timeout: float = 5.0,
    pool_timeout: float = 10.0,
    statement_timeout: float = 30.0,
    lock_timeout: float = 10.0,
    idle_in_transaction_timeout: float = 60.0,
) -> Engine:
    """An engine over psycopg 3 with at most `pool_size` connections. Times are in seconds; 0 switches one off.

    Opens no connection yet. Safe between threads, not across a fork: each process makes its own.
    """
    server_settings = {
        "timezone": "UTC",
        "statement_timeout": _milliseconds(statement_timeout),
        "lock_timeout": _milliseconds(lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(idle_in_transaction_timeout),
    }
    engine = create_engine(
        psycopg_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={
            **_KEEPALIVE,
            "application_name": "ocr-pipeline",
            "connect_timeout": max(2, round(connect_timeout)),
            "options": " ".join(f"-c {name}={value}" for name, value in server_settings.items()),
            "tcp_user_timeout": 60_000,
            # Nothing is kept prepared unless it asks for that, see `at_once` and `transaction`. None would forbid it.
            "prepare_threshold": sys.maxsize,
        },
    )
    _prove_rested_connections(engine)
    return engine


@contextmanager
def at_once(engine: Engine) -> Iterator[psycopg.Connection[Any]]:
    """A connection on which each statement is a transaction of its own, durable when it returns.

    For what every request asks: without SQLAlchemy between, a statement costs this process a quarter. Have it prepared
    (`execute(..., prepare=True)`).
    """
    lent = engine.raw_connection()
    try:
        connection = lent.driver_connection
        assert isinstance(connection, psycopg.Connection)  # noqa: S101 - narrows what `create_pool` chose
        connection.autocommit = True
        yield connection
        connection.autocommit = False
    except BaseException:
        lent.invalidate()  # whatever state it is in, nobody shall find it in the pool
        raise
    lent.close()


def psycopg_url(url: str | URL) -> URL:
    """The same address, for psycopg 3 whatever driver it names."""
    return make_url(url).set(drivername="postgresql+psycopg")


def _prove_rested_connections(engine: Engine) -> None:
    """Have a connection that was not used for a while prove itself before it is lent again.

    As the pool's own `pool_pre_ping` does, but that asks the server at each lending, which costs a round trip for
    every unit of work.
    """

    def note(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
        entry.info[_RETURNED] = time.monotonic()

    def prove(connection: DBAPIConnection, entry: ConnectionPoolEntry, _lent: PoolProxiedConnection) -> None:
        if time.monotonic() - entry.info.get(_RETURNED, time.monotonic()) < _TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.OperationalError as error:
            raise InvalidatePoolError from error  # the pool makes new connections

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", prove)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
