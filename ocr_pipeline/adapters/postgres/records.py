"""The unit of work over PostgreSQL: one connection, one transaction (read committed), one thread."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sqlalchemy import Engine

from ocr_pipeline.adapters.postgres import overview, tallies
from ocr_pipeline.adapters.postgres.access_log import PostgresAccessLog
from ocr_pipeline.adapters.postgres.audit import PostgresAuditTrail
from ocr_pipeline.adapters.postgres.bulk_figures import PostgresBulkFigures
from ocr_pipeline.adapters.postgres.bulk_items import PostgresBulkItems
from ocr_pipeline.adapters.postgres.bulk_runs import PostgresBulkRuns
from ocr_pipeline.adapters.postgres.clients import PostgresClients
from ocr_pipeline.adapters.postgres.data_keys import PostgresDataKeys
from ocr_pipeline.adapters.postgres.documents import PostgresDocuments
from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.adapters.postgres.idempotency import PostgresIdempotency
from ocr_pipeline.adapters.postgres.known_pages import PostgresKnownPages
from ocr_pipeline.adapters.postgres.migrate import current_revision, head_revision
from ocr_pipeline.adapters.postgres.pages import PostgresPages
from ocr_pipeline.adapters.postgres.reviews import PostgresReviews
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.adapters.postgres.triggers import PostgresHeldEvents, PostgresListings, PostgresSourceObjects
from ocr_pipeline.adapters.postgres.webhooks import PostgresWebhooks
from ocr_pipeline.domain.errors import DatabaseUnavailable
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.ports.records import Counts, Progress


class PostgresRecords:
    """Opens units of work over an engine (see `engine.create_pool`). Safe between threads; `close` ends it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._expected_revision = head_revision()

    def __call__(self) -> PostgresUnitOfWork:
        """A fresh unit of work."""
        return PostgresUnitOfWork(self._engine)

    @property
    def engine(self) -> Engine:
        """The pool of connections, for what keeps rows of its own beside the records."""
        return self._engine

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
            transaction.close(interrupted=kind is not None)

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

    @property
    def clients(self) -> PostgresClients:
        """The clients and their keys."""
        return PostgresClients(self._current)

    @property
    def access_log(self) -> PostgresAccessLog:
        """The log of access."""
        return PostgresAccessLog(self._current)

    @property
    def idempotency(self) -> PostgresIdempotency:
        """The idempotency keys."""
        return PostgresIdempotency(self._current)

    @property
    def known_pages(self) -> PostgresKnownPages:
        """The pages read before."""
        return PostgresKnownPages(self._current)

    @property
    def webhooks(self) -> PostgresWebhooks:
        """The webhooks."""
        return PostgresWebhooks(self._current)

    @property
    def source_objects(self) -> PostgresSourceObjects:
        """The objects that S3 events told of."""
        return PostgresSourceObjects(self._current)

    @property
    def held_events(self) -> PostgresHeldEvents:
        """The events that wait or are parked."""
        return PostgresHeldEvents(self._current)

    @property
    def listings(self) -> PostgresListings:
        """How far listings are."""
        return PostgresListings(self._current)

    @property
    def bulk_runs(self) -> PostgresBulkRuns:
        """The bulk runs."""
        return PostgresBulkRuns(self._current)

    @property
    def bulk_items(self) -> PostgresBulkItems:
        """The items of bulk runs."""
        return PostgresBulkItems(self._current)

    @property
    def bulk_figures(self) -> PostgresBulkFigures:
        """Figures of bulk runs."""
        return PostgresBulkFigures(self._current)

    @property
    def data_keys(self) -> PostgresDataKeys:
        """The wrapped keys of all owners."""
        return PostgresDataKeys(self._current)

    def counts(self, *, document_ids: Sequence[DocumentId] | None = None) -> Counts:
        """Every state is named, also where there is none; estimates are those of the planner."""
        return overview.counts(self._current) if document_ids is None else tallies.counts(self._current, document_ids)

    def progress(self, document_ids: Sequence[DocumentId]) -> dict[DocumentId, Progress]:
        """How far each of the documents is; unknown ones are left out."""
        return tallies.progress(self._current, document_ids)

    @property
    def _current(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("a unit of work is used inside its with block")
        return self._transaction
