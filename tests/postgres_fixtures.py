"""A PostgreSQL for the tests, an empty database for each test that asks, records of each kind, and rows to put in them.

The server is the one that OCR_TEST_POSTGRES_URL names (a role on it may create databases), else a private one that
lives as long as the test session.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, make_url

from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.adapters.postgres.embedded import EmbeddedPostgres
from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.migrate import migrate
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import Document, DocumentState, MediaType
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef, ReviewId, uuid7
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import ReviewItem
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.ports.records import Records
from tests.postgres_databases import EmptyDatabases, TestServer

OpenRecords = Callable[..., Records]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ARRIVALS = itertools.count(1_770_000_000_000)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """The server of this session."""
    named = os.environ.get("OCR_TEST_POSTGRES_URL")
    if named:
        yield TestServer(make_url(named).set(drivername="postgresql+psycopg"))
        return
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), fsync=False) as server:
        yield TestServer(server.admin_url)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: TestServer) -> Iterator[str]:
    """The name of a database at the newest schema, to be cloned."""
    url = postgres_server.create()
    migrate(url)
    yield url.database or ""
    postgres_server.drop(url)


@pytest.fixture(scope="session")
def migrated_databases(postgres_server: TestServer, migrated_template: str) -> Iterator[EmptyDatabases]:
    """Databases at the newest schema without any row."""
    databases = EmptyDatabases(postgres_server, migrated_template)
    yield databases
    databases.close()


@pytest.fixture
def empty_database(postgres_server: TestServer) -> Iterator[URL]:
    """A database without any table, gone after the test."""
    url = postgres_server.create()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def postgres_url(migrated_databases: EmptyDatabases) -> Iterator[URL]:
    """A database at the newest schema without any row, for one test at a time."""
    url = migrated_databases.take()
    yield url
    migrated_databases.give_back(url)


@pytest.fixture
def open_postgres(postgres_url: URL) -> Iterator[Callable[..., PostgresRecords]]:
    """Opens records on the test's database with `create_pool`'s options; closed after the test."""
    opened: list[PostgresRecords] = []

    def open_records(**options: Any) -> PostgresRecords:
        opened.append(PostgresRecords(create_pool(postgres_url, **options)))
        return opened[-1]

    yield open_records
    for records in opened:
        records.close()


@pytest.fixture
def postgres_records(open_postgres: Callable[..., PostgresRecords]) -> PostgresRecords:
    """Records on the test's database, for up to ten threads."""
    return open_postgres(pool_size=10)


@pytest.fixture(params=["memory", "postgres"])
def open_records(request: pytest.FixtureRequest) -> OpenRecords:
    """Opens records of each kind with a lock timeout in seconds. In memory every call opens fresh ones."""
    if request.param == "memory":
        return lambda *, lock_timeout=10.0: MemoryRecords(lock_timeout=lock_timeout)
    open_postgres = request.getfixturevalue("open_postgres")
    return lambda *, lock_timeout=10.0: open_postgres(lock_timeout=lock_timeout, pool_size=10)


@pytest.fixture
def records(open_records: OpenRecords) -> Records:
    """Empty records, of each kind in turn."""
    return open_records()


def put(records: Records, *rows: Document | Page | ReviewItem) -> None:
    """Commit rows, documents first."""
    with records() as work:
        for row in rows:
            match row:
                case Document():
                    work.documents.add(row)
                case Page():
                    work.documents.lock(row.ref.document_id)
                    work.pages.add([row])
                case ReviewItem():
                    work.documents.lock(row.page.document_id)
                    work.reviews.add(row)
        work.commit()


def new_document_id() -> DocumentId:
    """Later than every one before it."""
    return DocumentId(uuid7(next(_ARRIVALS), uuid4().int >> 54))


def new_document(
    *,
    state: DocumentState = DocumentState.QUEUED,
    priority: Priority = Priority.ROUTINE,
    client_id: str = "clinic",
    fingerprint: bytes | None = None,
    dispatched_at: datetime | None = None,
) -> Document:
    """A plausible document; an erased one has no key."""
    erased = state is DocumentState.ERASED
    return Document(
        id=new_document_id(),
        client_id=ClientId(client_id),
        priority=priority,
        state=state,
        received_at=NOON,
        updated_at=NOON,
        size=1000,
        fingerprint=uuid4().bytes if fingerprint is None else fingerprint,
        media_type=MediaType.PDF,
        name=None if erased else b"sealed name",
        key=None if erased else WrappedKey("key-1", b"wrapped"),
        dispatched_at=dispatched_at,
    )


def new_page(
    document: Document,
    number: int = 1,
    *,
    state: PageState = PageState.QUEUED,
    dispatched_at: datetime | None = None,
    not_before: datetime | None = None,
) -> Page:
    """A plausible page."""
    return Page(
        ref=PageRef(document.id, number),
        state=state,
        updated_at=NOON,
        media_type="image/png",
        width=1240,
        height=1754,
        dpi=150.0,
        dispatched_at=dispatched_at,
        not_before=not_before,
    )


def new_review(page: Page, *, priority: Priority = Priority.ROUTINE, minutes: int = 0) -> ReviewItem:
    """A plausible open item, opened some minutes after noon."""
    return ReviewItem(
        id=ReviewId(uuid4()),
        page=page.ref,
        priority=priority,
        reasons=("low_confidence",),
        confidence=0.5,
        opened_at=NOON + timedelta(minutes=minutes),
    )


def new_entry(document_id: DocumentId, **details: Any) -> AuditEntry:
    """An entry of the audit trail."""
    return AuditEntry(document_id, AuditKind.DOCUMENT_STATE, NOON, "results", details=tuple(details.items()))
