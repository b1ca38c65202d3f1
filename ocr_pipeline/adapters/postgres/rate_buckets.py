"""Token buckets in the database, by whose clock every process goes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from ocr_pipeline.adapters.postgres.engine import at_once
from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.ports.rate_limits import Taken

_TAKE = """
    INSERT INTO rate_buckets AS bucket (client_id, full_at, asked_at, granted)
    SELECT %(client_id)s, now + %(cost)s, now, true
    FROM (SELECT clock_timestamp() AS now, set_config('synchronous_commit', 'off', true)) AS clock
    ON CONFLICT (client_id) DO UPDATE SET (full_at, asked_at, granted) = (
        SELECT CASE WHEN allowed THEN level + %(cost)s ELSE level END, now, allowed
        FROM (SELECT clock_timestamp() AS now) AS clock,
             LATERAL (SELECT least(greatest(bucket.full_at, now), now + %(whole)s) AS level) AS held,
             LATERAL (SELECT level <= now + %(patience)s AS allowed) AS verdict
    )
    RETURNING granted, full_at - asked_at AS until_full
"""
"""The generic cell rate algorithm (ITU-T I.371): a bucket is known by when it will be full again.

Taking one token puts that off by `cost`, the time in which one comes; there is a token as long as the bucket is full
within `patience`, the time in which all but one come. Never longer than `whole`, in which all come, so that neither
a smaller allowance nor a clock that was set back leaves a client waiting for more than that. The clock is read once
the row is held: requests that wait for each other are judged in the order in which they get it.

It commits without waiting for the disk. Should the database crash, a client has back what it took in the last moment.
"""


class PostgresBuckets:
    """The `RateLimiter` port over an engine: each call is one statement.

    Raises DatabaseUnavailable when the database does not answer. Safe between threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, client_id: str, *, per_second: float, burst: int) -> Taken:
        """Take one token, if there is one. The rate counts to the microsecond: a token comes in whole ones."""
        if not per_second > 0 or burst < 1:
            raise ValueError("a bucket gains tokens and holds at least one")
        cost = max(timedelta(seconds=1 / per_second), timedelta.resolution)
        times = {"cost": cost, "patience": cost * (burst - 1), "whole": cost * burst}
        with translated(), at_once(self._engine) as connection:
            [(granted, until_full)] = connection.execute(_TAKE, {"client_id": client_id, **times}, prepare=True)
        return _taken(granted, until_full, cost, burst)


def _taken(granted: bool, until_full: timedelta, cost: timedelta, burst: int) -> Taken:
    return Taken(
        allowed=granted,
        remaining=(cost * burst - until_full) // cost,
        retry_after=max(until_full - cost * (burst - 1), timedelta()).total_seconds(),
        reset_after=until_full.total_seconds(),
    )
