"""How Alembic runs here: on the connection it is given, alone, with bounded waits, all or nothing."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from ocr_pipeline.adapters.postgres.schema import metadata

ADVISORY_LOCK = 0x6F63_725F_7069_7065
"""A number of this project's own; other users of the server take other numbers."""


def run(connection: Connection, *, statement_timeout: float, lock_timeout: float) -> None:
    """Wait for other migrations to end, then run in one transaction. Times are in seconds."""
    _set(connection, "statement_timeout", statement_timeout)
    _set(connection, "lock_timeout", 0)
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": ADVISORY_LOCK})
    _set(connection, "lock_timeout", lock_timeout)
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _set(connection: Connection, name: str, seconds: float) -> None:
    connection.execute(
        text("SELECT set_config(:name, :value, false)"), {"name": name, "value": f"{round(seconds * 1000)}ms"}
    )


attributes = context.config.attributes
if "connection" not in attributes:
    raise RuntimeError("migrations run through `ocr-pipeline migrate`, which hands them a connection")
run(
    attributes["connection"],
    statement_timeout=attributes["statement_timeout"],
    lock_timeout=attributes["lock_timeout"],
)
