"""What the server keeps prepared for a connection: it outlives what only asks, and a migration that adds a column."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import URL, create_engine, text

from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.domain.ids import ClientId, PageRef
from tests.postgres_fixtures import new_document, new_page, put

Open = Callable[..., PostgresRecords]

pytestmark = pytest.mark.services


def prepared(records: PostgresRecords) -> int:
    with records.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one())


def test_asking_forgets_nothing(open_postgres: Open) -> None:
    records = open_postgres(pool_size=1)
    document = new_document()
    put(records, document, new_page(document))
    for _ in range(3):
        with records() as work:
            work.pages.get(PageRef(document.id, 1))
            work.documents.find()
    with records() as work:
        work.documents.lock(document.id)
    assert prepared(records) >= 3


def test_what_is_undone_stays_undone(open_postgres: Open) -> None:
    records = open_postgres(pool_size=1)
    with records() as work:
        work.documents.add(new_document())
    with records() as work:
        assert work.documents.find() == []


def test_a_column_that_a_migration_adds_disturbs_nobody(open_postgres: Open, postgres_url: URL) -> None:
    records = open_postgres(pool_size=1)
    document = new_document()
    put(records, document, new_page(document))

    def ask() -> None:
        with records() as work:
            assert work.documents.find_duplicate(ClientId("clinic"), document.fingerprint) == document
            assert work.documents.lock(document.id) == document
            assert work.idempotency.find(ClientId("clinic"), "key") is None
            assert work.pages.get(PageRef(document.id, 1)).ref.number == 1

    ask()
    with create_engine(postgres_url).begin() as connection:
        for table in ("documents", "pages", "idempotency_keys"):
            connection.execute(text(f"ALTER TABLE {table} ADD COLUMN added integer"))
    ask()
