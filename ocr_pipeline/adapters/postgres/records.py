"""The unit of work over PostgreSQL: one connection, one transaction (read committed), one thread."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Column, ColumnElement, Engine, func, select

from ocr_pipeline.adapters.postgres.audit import PostgresAuditTrail
from ocr_pipeline.adapters.postgres.documents import PostgresDocuments
from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.adapters.postgres.migrate import current_revision, head_revision
from ocr_pipeline.adapters.postgres.pages import PostgresPages
from ocr_pipeline.adapters.postgres.reviews import PostgresReviews
from ocr_pipeline.adapters.postgres.tables import documents, pages, review_items
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import DatabaseUnavailable
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.records import Counts

State = TypeVar("State", bound=StrEnum)


class PostgresRecords:
    """Opens units of work over an engine (see `engine.create_pool`). Safe between threads; `close` ends it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._expected_revision = head_revision()

    def __call__(self) -> PostgresUnitOfWork:
        """A fresh unit of work."""
        return PostgresUnitOfWork(self._engine)

    def check(self) -> None:
        """Raises DatabaseUnavailable when the database is silent or its schema is not this release's."""
        with translated(), self._engine.connect() as connection:
            found = current_revision(connection)
        if found != self._expected_revision:
            raise DatabaseUnavailable(
                f"the database schema is at {found or 'nothing'}, this release needs {self._expected_revision}: "
                "run `ocr-pipeline migrate`"
            )

    def close(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()


class PostgresUnitOfWork:
    """One transaction of a PostgresRecords."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._transaction: Transaction | None = None

    def __enter__(self) -> Self:
        with translated():
            self._transaction = Transaction(self._engine.connect())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.close()

    def commit(self) -> None:
        """Make everything since entering durable."""
        self._current.commit()

    @property
    def documents(self) -> PostgresDocuments:
        """The documents."""
        return PostgresDocuments(self._current)

    @property
    def pages(self) -> PostgresPages:
        """The pages."""
        return PostgresPages(self._current)

    @property
    def reviews(self) -> PostgresReviews:
        """The review items."""
        return PostgresReviews(self._current)

    @property
    def audit(self) -> PostgresAuditTrail:
        """The audit events."""
        return PostgresAuditTrail(self._current)

    def counts(self, *, document_ids: Sequence[DocumentId] | None = None) -> Counts:
        """Counts over all documents, or over the given ones; every state is named, also where there is none."""
        among = _Among(document_ids)
        opened = self._current.first(
            select(func.count().label("open"))
            .select_from(review_items)
            .where(review_items.c.resolution.is_(None), *among(review_items.c.document_id))
        )
        return Counts(
            documents=self._tally(DocumentState, documents.c.state, among(documents.c.id)),
            pages=self._tally(PageState, pages.c.state, among(pages.c.document_id)),
            open_reviews=opened["open"] if opened is not None else 0,
        )

    def _tally(
        self, states: type[State], column: Column[str], conditions: Sequence[ColumnElement[bool]]
    ) -> dict[State, int]:
        found = self._current.all(select(column, func.count().label("many")).where(*conditions).group_by(column))
        many = {row["state"]: row["many"] for row in found}
        return {state: many.get(state.value, 0) for state in states}

    @property
    def _current(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("a unit of work is used inside its with block")
        return self._transaction


class _Among:
    """The condition that a row belongs to one of some documents, or none for all documents."""

    def __init__(self, document_ids: Sequence[DocumentId] | None) -> None:
        self._document_ids = None if document_ids is None else list(document_ids)

    def __call__(self, column: Column[object]) -> Sequence[ColumnElement[bool]]:
        return () if self._document_ids is None else (column.in_(self._document_ids),)
