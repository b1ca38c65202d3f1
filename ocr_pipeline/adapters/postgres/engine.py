"""Connections to the database: a bounded pool with bounded waits, and nothing of a statement's values in any log."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine, make_url

_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""libpq settings by which a silent peer is noticed within a minute."""


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
    return create_engine(
        psycopg_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={
            **_KEEPALIVE,
            "application_name": "ocr-pipeline",
            "connect_timeout": max(2, round(connect_timeout)),
            "options": " ".join(f"-c {name}={value}" for name, value in server_settings.items()),
            "tcp_user_timeout": 60_000,
        },
    )


def psycopg_url(url: str | URL) -> URL:
    """The same address, for psycopg 3 whatever driver it names."""
    return make_url(url).set(drivername="postgresql+psycopg")


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
