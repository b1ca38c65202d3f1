"""Brings the database to a version of the schema, one process at a time.

Every process looks which version a database has, and few find anything to do: Alembic is loaded for those alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, NullPool, create_engine, text

from ocr_pipeline.adapters.postgres.engine import psycopg_url
from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).resolve().parents[3] / "migrations"
"""Beside the package, in a checkout and in a wheel alike."""

_HEAD = "0009"
"""The newest of `migrations/versions`; a test holds them together."""


def migrate(
    url: str | URL, revision: str = "head", *, statement_timeout: float = 600.0, lock_timeout: float = 10.0
) -> None:
    """Upgrade to a revision. Safe when several processes start at once: the others wait and find nothing to do.

    Within a process one migration runs at a time, for Alembic keeps its context in a module.

    `statement_timeout` (seconds) bounds each statement and the wait for another process's migration; `lock_timeout`
    bounds the wait for a table, so that a migration gives up rather than hold up the running pipeline behind it.
    Raises DatabaseUnavailable, and ConfigurationError when the database was migrated by a newer release.
    """
    with _connected(url) as connection:
        if revision == "head" and current_revision(connection) == head_revision():
            return
        connection.rollback()
        from alembic import command  # noqa: PLC0415 - see above

        with _configured(connection, statement_timeout, lock_timeout) as config:
            command.upgrade(config, revision)


def downgrade(url: str | URL, revision: str, *, statement_timeout: float = 600.0, lock_timeout: float = 10.0) -> None:
    """Go back to an older revision; `base` drops every table with its data. Raises as `migrate`."""
    from alembic import command  # noqa: PLC0415 - see above

    with _connected(url) as connection, _configured(connection, statement_timeout, lock_timeout) as config:
        command.downgrade(config, revision)


def head_revision() -> str:
    """The newest revision this release knows."""
    return _HEAD


def current_revision(connection: Connection) -> str | None:
    """The revision a database is at, None for an empty one."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


@contextmanager
def _connected(url: str | URL) -> Iterator[Connection]:
    """A connection whose session ends with the block, and an advisory lock with it."""
    engine = create_engine(psycopg_url(url), poolclass=NullPool, hide_parameters=True)
    with translated(), engine.connect() as connection:
        yield connection


@contextmanager
def _configured(connection: Connection, statement_timeout: float, lock_timeout: float) -> Iterator[Config]:
    from alembic.config import Config  # noqa: PLC0415 - see above
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["statement_timeout"] = statement_timeout
    config.attributes["lock_timeout"] = lock_timeout
    try:
        yield config
    except CommandError as error:
        raise ConfigurationError(f"the database schema cannot be brought to that revision: {error}") from error


def _scripts() -> Path:
    if not (_SCRIPTS / "env.py").is_file():
        raise ConfigurationError("the migrations are missing beside the installed package: install it anew")
    return _SCRIPTS
