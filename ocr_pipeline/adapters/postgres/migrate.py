"""Brings the database to a version of the schema, one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, NullPool, create_engine

from ocr_pipeline.adapters.postgres.engine import psycopg_url
from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.domain.errors import ConfigurationError

_SCRIPTS = Path(__file__).resolve().parents[3] / "migrations"
"""Beside the package, in a checkout and in a wheel alike."""


def migrate(
    url: str | URL, revision: str = "head", *, statement_timeout: float = 600.0, lock_timeout: float = 10.0
) -> None:
    """Upgrade to a revision. Safe when several processes start at once: the others wait and find nothing to do.

    Within a process one migration runs at a time, for Alembic keeps its context in a module.

    `statement_timeout` (seconds) bounds each statement and the wait for another process's migration; `lock_timeout`
    bounds the wait for a table, so that a migration gives up rather than hold up the running pipeline behind it.
    Raises DatabaseUnavailable, and ConfigurationError when the database was migrated by a newer release.
    """
    with _configured(url, statement_timeout, lock_timeout) as config:
        command.upgrade(config, revision)


def downgrade(url: str | URL, revision: str, *, statement_timeout: float = 600.0, lock_timeout: float = 10.0) -> None:
    """Go back to an older revision; `base` drops every table with its data. Raises as `migrate`."""
    with _configured(url, statement_timeout, lock_timeout) as config:
        command.downgrade(config, revision)


def head_revision() -> str:
    """The newest revision this release knows. Raises ConfigurationError for a broken installation."""
    head = ScriptDirectory(str(_scripts())).get_current_head()
    if head is None:
        raise ConfigurationError("the installed package holds no migrations: install it anew")
    return head


def current_revision(connection: Connection) -> str | None:
    """The revision a database is at, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _configured(url: str | URL, statement_timeout: float, lock_timeout: float) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["statement_timeout"] = statement_timeout
    config.attributes["lock_timeout"] = lock_timeout
    # Without a pool the session ends with the block, and its advisory lock with it.
    engine = create_engine(psycopg_url(url), poolclass=NullPool, hide_parameters=True)
    with translated(), engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            yield config
        except CommandError as error:
            raise ConfigurationError(f"the database schema cannot be brought to that revision: {error}") from error


def _scripts() -> Path:
    if not (_SCRIPTS / "env.py").is_file():
        raise ConfigurationError("the migrations are missing beside the installed package: install it anew")
    return _SCRIPTS
