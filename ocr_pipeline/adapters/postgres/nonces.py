"""Nonces of signed requests in the database, each claimed once by all processes together."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, delete
from sqlalchemy.dialects.postgresql import insert

from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.adapters.postgres.front_door_tables import request_nonces


class PostgresNonces:
    """The `Nonces` port over an engine: each call is one statement that is durable when it returns.

    Raises DatabaseUnavailable when the database does not answer. Safe between threads.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def claim(self, key_id: str, nonce: str, *, until: datetime) -> bool:
        """Whether this call is the first with this nonce of this key."""
        row = {"key_id": key_id, "nonce": nonce, "expires_at": until}
        claim = insert(request_nonces).values(row).on_conflict_do_nothing().returning(request_nonces.c.nonce)
        with translated(), self._engine.connect() as connection:
            return connection.execute(claim).first() is not None

    def forget(self, before: datetime) -> int:
        """Drop those kept until an earlier time; returns how many there were."""
        with translated(), self._engine.connect() as connection:
            return connection.execute(delete(request_nonces).where(request_nonces.c.expires_at < before)).rowcount
