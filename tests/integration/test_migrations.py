"""The schema: the migrations and the tables say the same, go up and down with data, and run once at a time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Engine, create_engine, func, inspect, select, text

from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.migrate import current_revision, downgrade, head_revision, migrate
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.adapters.postgres.tables import audit_events, metadata
from ocr_pipeline.domain.errors import ConfigurationError, DatabaseUnavailable
from tests.postgres_fixtures import new_document, new_entry, new_page, new_review

MIGRATION_LOCK = 0x6F63_725F_7069_7065
CATALOGUE = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2
    """,
    "indexes": """
        SELECT tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1, 2
    """,
}


def catalogue(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {name: [tuple(row) for row in connection.execute(text(query))] for name, query in CATALOGUE.items()}


def tables(url: URL) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def put_one_of_each(url: URL) -> None:
    records = PostgresRecords(create_pool(url))
    document = new_document()
    page = new_page(document)
    with records() as work:
        work.documents.add(document)
        work.pages.add([page])
        work.reviews.add(new_review(page))
        work.audit.append(new_entry(document.id))
        work.commit()
        assert work.documents.find() == [document]
    records.close()


def test_data_goes_up_and_down(empty_database: URL) -> None:
    for _ in range(2):
        migrate(empty_database)
        put_one_of_each(empty_database)
        downgrade(empty_database, "base")
        assert tables(empty_database) == {"alembic_version"}
    with create_engine(empty_database).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'audit%'")).scalar() == 0


def test_migrating_again_keeps_every_row(empty_database: URL) -> None:
    migrate(empty_database)
    put_one_of_each(empty_database)
    migrate(empty_database)
    with create_engine(empty_database).connect() as connection:
        assert connection.execute(select(func.count()).select_from(audit_events)).scalar() == 1
        assert current_revision(connection) == head_revision()


def test_the_tables_match_the_newest_revision(postgres_url: URL) -> None:
    with create_engine(postgres_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_every_constraint_and_index_matches_the_newest_revision(postgres_url: URL, empty_database: URL) -> None:
    migrated, made = create_engine(postgres_url), create_engine(empty_database)
    metadata.create_all(made)
    try:
        ours, theirs = catalogue(migrated), catalogue(made)
        for name in CATALOGUE:
            assert set(ours[name]) ^ set(theirs[name]) == set()
    finally:
        migrated.dispose()
        made.dispose()


def test_several_processes_may_migrate_at_once(empty_database: URL) -> None:
    program = "import sys; from ocr_pipeline.adapters.postgres.migrate import migrate; migrate(sys.stdin.readline())"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", program], cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    with create_engine(empty_database).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        for start in starts:
            assert start.stdin is not None
            start.stdin.write(empty_database.render_as_string(hide_password=False))
            start.stdin.close()
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        deadline = time.monotonic() + 60
        while connection.execute(waiting).scalar() != len(starts):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        connection.invalidate()
    assert [start.wait(60) for start in starts] == [0, 0, 0]
    assert "documents" in tables(empty_database)


def test_a_migration_does_not_wait_for_ever_for_a_table(postgres_url: URL) -> None:
    with create_engine(postgres_url).connect() as connection:
        connection.execute(text("LOCK TABLE audit_events"))
        with pytest.raises(DatabaseUnavailable, match="55P03"):
            downgrade(postgres_url, "base", lock_timeout=0.2)
        connection.rollback()
    assert "documents" in tables(postgres_url)


def test_a_migration_does_not_wait_for_ever_for_another(postgres_url: URL) -> None:
    with create_engine(postgres_url).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        with pytest.raises(DatabaseUnavailable, match="57014"):
            migrate(postgres_url, statement_timeout=0.2)


@pytest.mark.parametrize("revision", ["9999", None], ids=["newer", "none"])
def test_a_schema_of_another_release_is_refused(postgres_url: URL, revision: str | None) -> None:
    records = PostgresRecords(create_pool(postgres_url))
    records.check()
    with create_engine(postgres_url).begin() as connection:
        connection.execute(
            text("UPDATE alembic_version SET version_num = coalesce(:revision, '')"), {"revision": revision}
        )
        if revision is None:
            connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(DatabaseUnavailable, match="ocr-pipeline migrate"):
        records.check()
    records.close()


def test_a_newer_schema_is_not_migrated(postgres_url: URL) -> None:
    with create_engine(postgres_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        migrate(postgres_url)


def test_an_empty_database_is_not_ready(empty_database: URL) -> None:
    records = PostgresRecords(create_pool(empty_database))
    with pytest.raises(DatabaseUnavailable, match="ocr-pipeline migrate"):
        records.check()
    with records() as work, pytest.raises(DatabaseUnavailable, match="ocr-pipeline migrate"):
        work.documents.find()
    records.close()
