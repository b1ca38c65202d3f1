"""One database transaction: runs statements, translates failures, knows which documents it holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, RowMapping, func, select

from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.adapters.postgres.rows import Row
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import DocumentId


class Transaction:
    """A connection between begin and commit or rollback, for one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held: set[DocumentId] = set()

    def all(self, statement: Executable) -> Sequence[RowMapping]:
        """Every row."""
        with translated():
            return self._connection.execute(statement).mappings().all()

    def first(self, statement: Executable) -> RowMapping | None:
        """The first row, or None."""
        with translated():
            return self._connection.execute(statement).mappings().first()

    def run(self, statement: Executable, rows: Sequence[Row] | None = None) -> int:
        """Run for its effect; returns how many rows it touched."""
        with translated():
            result: CursorResult[Any] = self._connection.execute(statement, rows)
            return result.rowcount

    def insert(self, statement: Executable, rows: Sequence[Row]) -> None:
        """Insert all rows or none. After a Conflict the transaction goes on as if nothing had been tried."""
        with translated(), self._connection.begin_nested():
            self._connection.execute(statement, rows)

    def take_turns(self, purpose: str, *name: str | bytes) -> None:
        """Wait until no other transaction has the name, and have it until the end, by an advisory lock."""
        self.run(select(func.pg_advisory_xact_lock(_lock_number(purpose, *name))))

    def hold(self, document_id: DocumentId) -> None:
        """Note that this transaction holds the document's row."""
        self._held.add(document_id)

    def require_held(self, document_id: DocumentId) -> None:
        """Raises IntegrityError when a document is about to be changed without its lock."""
        if document_id not in self._held:
            raise IntegrityError("a document changes only in a unit of work that locked or added it")

    def commit(self) -> None:
        """Make everything durable; what was held is held no longer."""
        with translated():
            self._connection.commit()
        self._held.clear()

    def close(self) -> None:
        """Undo what was not committed and give the connection back."""
        with translated():
            self._connection.close()


def _lock_number(*name: str | bytes) -> int:
    """A signed 64-bit number of the name. Two names that share one wait for each other, which harms nothing."""
    digest = hashlib.sha256()
    for part in name:
        encoded = part if isinstance(part, bytes) else part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return int.from_bytes(digest.digest()[:8], "big", signed=True)
