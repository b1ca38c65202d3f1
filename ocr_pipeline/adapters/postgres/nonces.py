"""Nonces of signed requests in the database, each claimed once by all processes together."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from ocr_pipeline.adapters.postgres.engine import at_once
from ocr_pipeline.adapters.postgres.failures import translated

_CLAIM = """
    INSERT INTO request_nonces (key_id, nonce, expires_at) VALUES (%(key_id)s, %(nonce)s, %(until)s)
    ON CONFLICT DO NOTHING
"""
_FORGET = "DELETE FROM request_nonces WHERE expires_at < %(before)s"


class PostgresNonces:
    """The `Nonces` port over an engine: each call is one statement that is durable when it returns.

    Raises DatabaseUnavailable when the database does not answer. Safe between threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, key_id: str, nonce: str, *, until: datetime) -> bool:
        """Whether this call is the first with this nonce of this key."""
        with translated(), at_once(self._engine) as connection:
            values = {"key_id": key_id, "nonce": nonce, "until": until}
            return connection.execute(_CLAIM, values, prepare=True).rowcount == 1

    def forget(self, before: datetime) -> int:
        """Drop those kept until an earlier time; returns how many there were."""
        with translated(), at_once(self._engine) as connection:
            return connection.execute(_FORGET, {"before": before}).rowcount
