"""One database transaction: runs statements, translates failures, knows which documents it holds.

A statement comes as SQLAlchemy's expression; or, where every request or every page runs it, as plain SQL with named
places (`%(name)s`, see `statements`) that goes straight to psycopg. Building, keying and compiling an expression and
wrapping its result costs this process several times as much as asking and answering. Plain SQL finds rows by whole
keys, so its plan is made once and kept prepared; an expression is planned for its values, and for tables as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Connection, CursorResult, Executable, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.adapters.postgres.rows import Row
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.errors import Conflict, IntegrityError
from ocr_pipeline.domain.ids import DocumentId

_TURN = "SELECT pg_advisory_xact_lock(%(number)s)"


class Transaction:
    """A connection between begin and commit or rollback, for one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor: psycopg.Cursor[Row] | None = None
        self._held: dict[DocumentId, ChainHead] = {}
        self._changed = False

    def all(self, statement: Executable) -> Sequence[RowMapping]:
        """Every row."""
        self._changed |= not statement.is_select
        with translated():
            return self._connection.execute(statement).mappings().all()

    def first(self, statement: Executable) -> RowMapping | None:
        """The first row, or None."""
        self._changed |= not statement.is_select
        with translated():
            return self._connection.execute(statement).mappings().first()

    def run(self, statement: Executable, rows: Sequence[Row] | None = None) -> int:
        """Run for its effect; returns how many rows it touched."""
        self._changed = True
        with translated():
            result: CursorResult[Any] = self._connection.execute(statement, rows)
            return result.rowcount

    def first_of(self, sql: str, values: Mapping[str, object]) -> Row | None:
        """The first row that plain SQL finds, or None. It changes nothing."""
        with translated():
            return self._plainly(sql, values).fetchone()

    def all_of(self, sql: str, values: Mapping[str, object]) -> list[Row]:
        """Every row that plain SQL finds. It changes nothing."""
        with translated():
            return self._plainly(sql, values).fetchall()

    def run_plain(self, sql: str, values: Mapping[str, object]) -> int:
        """Run plain SQL for its effect; returns how many rows it touched."""
        self._changed = True
        with translated():
            return self._plainly(sql, values).rowcount

    def insert_new(self, sql: str, row: Mapping[str, object]) -> None:
        """Run an `insertion` of one row. After a Conflict the transaction goes on as if nothing had been tried."""
        if not self.run_plain(sql, row):
            raise Conflict("a record like this exists already")

    def insert_all_new(self, sql: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Run an `insertion` of all rows or none. After a Conflict the transaction goes on, as above."""
        if len(rows) == 1:
            self.insert_new(sql, rows[0])
            return
        self._changed = True
        with translated(), self._connection.begin_nested():
            touched = self._told(lambda cursor: cursor.executemany(sql, rows)).rowcount
            if touched < len(rows):
                raise Conflict("a record like one of these exists already")

    def insert(self, statement: Executable, rows: Sequence[Row]) -> None:
        """Insert all rows or none. After a Conflict the transaction goes on as if nothing had been tried."""
        self._changed = True
        with translated(), self._connection.begin_nested():
            self._connection.execute(statement, rows)

    def take_turns(self, purpose: str, *name: str | bytes) -> None:
        """Wait until no other transaction has the name, and have it until the end, by an advisory lock."""
        self.first_of(_TURN, {"number": _lock_number(purpose, *name)})

    def hold(self, document_id: DocumentId, head: ChainHead) -> None:
        """Note that this transaction holds the document's row, and where its audit chain ends."""
        self._held[document_id] = head

    def require_held(self, document_id: DocumentId) -> None:
        """Raises IntegrityError when a document is about to be changed without its lock."""
        if document_id not in self._held:
            raise IntegrityError("a document changes only in a unit of work that locked or added it")

    def held_head(self, document_id: DocumentId) -> ChainHead:
        """Where the chain of a held document ends: nobody else can have moved it. Raises as `require_held`."""
        self.require_held(document_id)
        return self._held[document_id]

    def commit(self) -> None:
        """Make everything durable; what was held is held no longer."""
        with translated():
            self._connection.commit()
        self._held.clear()
        self._changed = False

    def close(self, *, interrupted: bool) -> None:
        """Undo what was not committed and give the connection back.

        After a rollback psycopg has the server forget all that it keeps prepared on the connection. So a transaction
        that only asked is committed, unless something `interrupted` it.
        """
        with translated():
            if not (self._changed or interrupted):
                with suppress(SQLAlchemyError):  # the answers are here, though the connection be lost by now
                    self._connection.commit()
            self._connection.close()

    def _plainly(self, sql: str, values: Mapping[str, object]) -> psycopg.Cursor[Row]:
        """Run plain SQL. All of the answer is here then; it lies in the cursor until the next statement."""
        return self._told(lambda cursor: cursor.execute(sql, values, prepare=True))

    def _told(self, ask: Callable[[psycopg.Cursor[Row]], object]) -> psycopg.Cursor[Row]:
        """Ask the driver itself; a connection that is lost meanwhile is SQLAlchemy's to throw away."""
        cursor = self._driver()
        try:
            ask(cursor)
        except psycopg.Error as error:
            if cursor.connection.closed:
                self._connection.invalidate(error)
            raise
        return cursor

    def _driver(self) -> psycopg.Cursor[Row]:
        """The one cursor of the driver's side of the connection, in the transaction that SQLAlchemy will end."""
        if not self._connection.in_transaction():
            self._connection.begin()
        if self._cursor is None:
            connection = self._connection.connection.driver_connection
            assert isinstance(connection, psycopg.Connection)  # noqa: S101 - narrows what `create_pool` chose
            self._cursor = connection.cursor(row_factory=dict_row)
        return self._cursor


def _lock_number(*name: str | bytes) -> int:
    """A signed 64-bit number of the name. Two names that share one wait for each other, which harms nothing."""
    digest = hashlib.sha256()
    for part in name:
        encoded = part if isinstance(part, bytes) else part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return int.from_bytes(digest.digest()[:8], "big", signed=True)
