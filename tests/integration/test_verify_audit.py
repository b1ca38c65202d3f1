"""Tampering by somebody who took the database's guards off: the walk over the chains still finds it."""

from __future__ import annotations

import pytest
from sqlalchemy import URL

from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.operations.verify import VerifyAudit
from tests.postgres_databases import TestServer
from tests.postgres_fixtures import new_document, new_document_id, new_entry

TAMPERING = [
    ("UPDATE audit_events SET actor = 'nobody' WHERE sequence = 1", "changed"),
    ("DELETE FROM audit_events WHERE sequence = 3", "does not end"),
    ("DELETE FROM audit_events WHERE sequence = 2", "missing"),
    ("DELETE FROM documents", "row is gone"),
]


@pytest.fixture
def two_chains(postgres_records: PostgresRecords) -> PostgresRecords:
    with postgres_records() as work:
        for document in (new_document(), new_document()):
            work.documents.add(document)
            for number in range(3):
                work.audit.append(new_entry(document.id, number=number))
        work.commit()
    return postgres_records


def test_untouched_chains_hold(two_chains: PostgresRecords) -> None:
    checks = list(VerifyAudit(two_chains)())
    assert [(check.events, check.fault) for check in checks] == [(3, None), (3, None)]


@pytest.mark.parametrize(("statement", "problem"), TAMPERING)
def test_tampering_shows_and_the_walk_goes_on(
    two_chains: PostgresRecords, postgres_server: TestServer, postgres_url: URL, statement: str, problem: str
) -> None:
    with postgres_server.connect(postgres_url.database) as connection:
        connection.execute("ALTER TABLE audit_events DISABLE TRIGGER ALL")
        connection.execute(statement)
    checks = list(VerifyAudit(two_chains)())
    assert len(checks) == 2
    assert all(check.fault is not None and problem in check.fault.problem for check in checks)


def test_a_walk_in_batches_comes_by_every_chain(two_chains: PostgresRecords) -> None:
    for batch in (1, 2, 3):
        assert len({check.document_id for check in VerifyAudit(two_chains, batch)()}) == 2


def test_an_unknown_document_is_no_intact_chain(two_chains: PostgresRecords) -> None:
    with pytest.raises(NotFound):
        list(VerifyAudit(two_chains)(new_document_id()))
