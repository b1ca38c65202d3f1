"""Databases for tests, on a server on which they may be made: fresh ones, and migrated ones that are used again.

To make and drop a database takes a third of a second on a busy machine, and hundreds of tests ask for one; to delete
the few rows that a test left takes a hundredth of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import URL

_LARGEST_GROWTH = 8 * 1024**2
"""A database that a test filled with more bytes than this is dropped: what was deleted still takes room in it."""

_TERMINATE_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

# Whatever a test may have done beside adding and changing rows. A clone has the numbers of its template.
_SHAPE = """
    SELECT md5(string_agg(part, ';' ORDER BY part)) FROM (
        SELECT concat_ws(' ', relname, relkind, relpersistence) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT concat_ws(' ', attrelid, attname, atttypid, attnotnull, attisdropped)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', tgrelid, tgname, tgenabled, tgfoid) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', oid, conname, convalidated) FROM pg_constraint
        UNION ALL SELECT concat_ws(' ', oid, proname, md5(prosrc)) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT version_num FROM alembic_version
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
        WHERE datname = current_database()
    ) AS parts (part)
"""

_TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""

_RELENTLESS_TRIGGERS = """
    SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE tgenabled = 'A'
"""

_RESTART_SEQUENCES = """
    SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false) FROM pg_sequences
    WHERE last_value IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class TestServer:
    """A server on which databases may be made."""

    __test__ = False

    admin: URL

    def connect(self, database: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        address = self.admin if database is None else self.admin.set(database=database)
        return psycopg.connect(
            address.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
        )

    def create(self, template: str = "template0") -> URL:
        name = f"ocr_test_{uuid4().hex}"
        with self.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return self.admin.set(database=name)

    def drop(self, url: URL) -> None:
        with self.connect() as connection:
            name = sql.Identifier(url.database or "")
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


class EmptyDatabases:
    """Clones of a migrated template. One that comes back is emptied and lent again, or dropped where that will not do.

    Only a superuser can delete without regard to what refers to what; for any other each test has a fresh clone.
    """

    def __init__(self, server: TestServer, template: str) -> None:
        self._server = server
        self._template = template
        self._idle: list[URL] = []
        with server.connect(template) as connection:
            self._shape = _value(connection, _SHAPE)
            self._largest = _value(connection, "SELECT pg_database_size(current_database())") + _LARGEST_GROWTH
            self._reusable = _value(connection, "SHOW is_superuser") == "on"
            self._tables = [sql.Identifier(name) for (name,) in connection.execute(_TABLES)]
            self._triggers = [
                [sql.Identifier(name) for name in names] for names in connection.execute(_RELENTLESS_TRIGGERS)
            ]

    def take(self) -> URL:
        """A database at the newest schema without any row."""
        return self._idle.pop() if self._idle else self._server.create(self._template)

    def give_back(self, url: URL) -> None:
        """The test is over: whoever is still connected is thrown out, and nothing of it stays."""
        if self._reusable and self._empty(url):
            self._idle.append(url)
        else:
            self._server.drop(url)

    def close(self) -> None:
        """Drop what is idle."""
        while self._idle:
            self._server.drop(self._idle.pop())

    def _empty(self, url: URL) -> bool:
        """Delete every row; False where the test left more than rows."""
        with self._server.connect(url.database) as connection:
            connection.execute(_TERMINATE_OTHERS)
            if _value(connection, _SHAPE) != self._shape:
                return False
            if _value(connection, "SELECT pg_database_size(current_database())") > self._largest:
                return False
            connection.execute("SET session_replication_role = replica")
            with connection.transaction():
                for names in self._triggers:
                    connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}").format(*names))
                for table in self._tables:
                    connection.execute(sql.SQL("DELETE FROM {}").format(table))
                for names in self._triggers:
                    connection.execute(sql.SQL("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}").format(*names))
                connection.execute(_RESTART_SEQUENCES)
        return True


def _value(connection: psycopg.Connection[tuple[Any, ...]], asked: str) -> Any:
    row = connection.execute(asked).fetchone()
    assert row is not None
    return row[0]
