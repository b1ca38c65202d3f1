"""The database itself refuses to change the audit trail, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import Connection
from psycopg.errors import IntegrityConstraintViolation, UniqueViolation
from sqlalchemy import URL

from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.domain import audit
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.operations.access import Changes, ManageClients
from tests.postgres_databases import TestServer
from tests.postgres_fixtures import new_document, new_entry


@pytest.fixture
def document_id(postgres_records: PostgresRecords) -> DocumentId:
    """A document with a chain of three events."""
    document = new_document()
    with postgres_records() as work:
        work.documents.add(document)
        for number in range(3):
            work.audit.append(new_entry(document.id, number=number))
        work.commit()
    return document.id


@pytest.fixture
def connection(postgres_server: TestServer, postgres_url: URL) -> Iterator[Connection[tuple[object, ...]]]:
    """The most powerful session that there is."""
    with postgres_server.connect(postgres_url.database) as connection:
        yield connection


CHANGES = [
    "UPDATE audit_events SET actor = 'somebody else'",
    "UPDATE audit_events SET sequence = sequence WHERE sequence = 99",
    "DELETE FROM audit_events WHERE sequence = 3",
    "DELETE FROM audit_events",
    "TRUNCATE audit_events",
    "TRUNCATE audit_events, review_items CASCADE",
    "INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (document_id, sequence) DO UPDATE SET actor = 'x'",
    "MERGE INTO audit_events old USING audit_events new ON old.sequence = new.sequence WHEN MATCHED THEN DELETE",
]


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("change", CHANGES)
def test_no_statement_changes_an_event(
    document_id: DocumentId,
    connection: Connection[tuple[object, ...]],
    postgres_records: PostgresRecords,
    change: str,
    role: str,
) -> None:
    """In a replica session ordinary triggers do not fire."""
    connection.execute(f"SET session_replication_role = {role}")
    with pytest.raises(IntegrityConstraintViolation, match="only ever added"):
        connection.execute(change)
    with postgres_records() as work:
        events, head = list(work.audit.events(document_id)), work.audit.head(document_id)
    assert len(events) == 3
    assert audit.verify(document_id, events, head) is None


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "change", ["UPDATE access_events SET actor = 'x'", "DELETE FROM access_events", "TRUNCATE access_events"]
)
def test_no_statement_changes_the_log_of_access(
    connection: Connection[tuple[object, ...]], postgres_records: PostgresRecords, change: str, role: str
) -> None:
    clients = ManageClients(postgres_records, SystemClock())
    clients.create(ClientId("ward"), Changes())
    connection.execute(f"SET session_replication_role = {role}")
    with pytest.raises(IntegrityConstraintViolation, match="only ever added"):
        connection.execute(change)
    assert clients.history(ClientId("ward")).broken_at is None


def test_a_place_in_a_chain_is_taken_once(document_id: DocumentId, connection: Connection[tuple[object, ...]]) -> None:
    with pytest.raises(UniqueViolation, match="audit_events_pkey"):
        connection.execute("INSERT INTO audit_events SELECT * FROM audit_events WHERE sequence = 1")


def test_the_trail_outlives_its_document(
    document_id: DocumentId, connection: Connection[tuple[object, ...]], postgres_records: PostgresRecords
) -> None:
    connection.execute("DELETE FROM documents")
    with postgres_records() as work:
        assert list(work.audit.document_ids()) == [document_id]
        assert len(list(work.audit.events(document_id))) == 3


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE audit_events SET kind = 'unheard of' WHERE sequence = 2",
        "UPDATE audit_events SET details = 'not json' WHERE sequence = 2",
        "UPDATE audit_events SET details = '[]' WHERE sequence = 2",
    ],
)
def test_an_event_that_was_never_written_is_told(
    document_id: DocumentId,
    connection: Connection[tuple[object, ...]],
    postgres_records: PostgresRecords,
    forgery: str,
) -> None:
    connection.execute("ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only")
    connection.execute(forgery)
    with postgres_records() as work, pytest.raises(IntegrityError, match="audit event 2"):
        list(work.audit.events(document_id))


def test_who_may_forge_is_found_out(
    document_id: DocumentId, connection: Connection[tuple[object, ...]], postgres_records: PostgresRecords
) -> None:
    """The owner of the table can switch the trigger off; the chain still tells."""
    connection.execute("ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only")
    connection.execute("UPDATE audit_events SET actor = 'somebody else' WHERE sequence = 2")
    with postgres_records() as work:
        fault = audit.verify(document_id, work.audit.events(document_id), work.audit.head(document_id))
    assert fault is not None
    assert fault.sequence == 2
