"""The schema: the migrations and the tables say the same, go up and down with data, and run once at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Engine, create_engine, func, insert, inspect, select, text

from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.migrate import current_revision, downgrade, head_revision, migrate
from ocr_pipeline.adapters.postgres.nonces import PostgresNonces
from ocr_pipeline.adapters.postgres.rate_buckets import PostgresBuckets
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.adapters.postgres.rows import document_to_row, page_to_row
from ocr_pipeline.adapters.postgres.schema import metadata
from ocr_pipeline.adapters.postgres.tables import audit_events, documents, pages, review_items
from ocr_pipeline.domain.access import AccessEntry, AccessKind, verify
from ocr_pipeline.domain.audit import GENESIS
from ocr_pipeline.domain.bulk import RunEvent, Segment
from ocr_pipeline.domain.clients import ApiKey, Client, Role, WebhookSecret
from ocr_pipeline.domain.documents import Document, DocumentKind, DocumentState
from ocr_pipeline.domain.errors import ConfigurationError, DatabaseUnavailable, IntegrityError
from ocr_pipeline.domain.ids import KeyId, SecretId, WebhookId
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.domain.triggers import EventId, HeldEvent, Listing, SourceObject
from ocr_pipeline.domain.webhooks import Delivery, Webhook, WebhookEvent
from ocr_pipeline.ports.idempotency import Remembered
from ocr_pipeline.ports.known_pages import KnownPage
from tests.bulk_factory import new_item, new_run
from tests.postgres_fixtures import NOON, new_document, new_document_id, new_entry, new_page, new_review
from tests.waiting import PATIENCE, until
from tests.worker_harness import ROOT

MIGRATION_LOCK = 0x6F63_725F_7069_7065
FRONT_DOOR_COLUMNS = frozenset({"kind", "deadline", "reference", "callback"})
CACHE_COLUMNS = frozenset({"fingerprint", "known"})
CATALOGUE = {
    "tables": """
        SELECT relname, relpersistence FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version' ORDER BY 1
    """,
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, identity_generation
        FROM information_schema.columns
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
    pool = create_pool(url)
    records = PostgresRecords(pool)
    document = replace(
        new_document(),
        kind=DocumentKind.CHART,
        deadline=NOON,
        reference=b"sealed reference",
        callback=b"sealed address",
    )
    page = new_page(document)
    with records() as work:
        work.documents.add(document)
        work.pages.add([page])
        work.reviews.add(new_review(page))
        work.audit.append(new_entry(document.id))
        work.clients.add(Client(document.client_id, frozenset({Role.SUBMITTER}), NOON))
        work.clients.add_key(ApiKey(KeyId("key"), document.client_id, NOON))
        work.clients.put_webhook_secret(WebhookSecret(SecretId("first"), document.client_id))
        work.access_log.append(AccessEntry(document.client_id, AccessKind.SECRET_CREATED, NOON, "cli"))
        work.idempotency.remember(Remembered(document.client_id, "key", bytes(32), document.id, NOON))
        work.known_pages.add(KnownPage(document.client_id, bytes(32), "engine", page.ref, NOON))
        webhook = Webhook(
            WebhookId(new_document_id()), document.id, document.client_id, WebhookEvent.COMPLETED, NOON, NOON
        )
        work.webhooks.add(webhook)
        work.webhooks.log(Delivery(webhook.id, 1, NOON, 0.5, status=200))
        run = new_run()
        work.bulk_runs.add(run)
        work.bulk_runs.log(RunEvent(run.id, NOON, run.state, "cli"))
        work.bulk_items.add([new_item(run, 1)])
        work.bulk_items.add_segments([Segment(run.id, 1, 1, 1, document.id)])
        taken = SourceObject(document.client_id, bytes(32), bytes(32), NOON, NOON, document_id=document.id)
        work.source_objects.put(taken)
        key = WrappedKey("key-1", b"wrapped")
        work.held_events.put(HeldEvent(EventId(new_document_id()), "minio", NOON, NOON, 6, key, b"sealed"))
        work.listings.ensure(Listing(new_document_id(), "scans", "in/", key, NOON))
        work.commit()
        assert work.documents.find() == [document]
    assert PostgresNonces(pool).claim("key", "nonce", until=NOON)
    assert PostgresBuckets(pool).take(document.client_id, per_second=1, burst=2).allowed
    records.close()


def put_as_of(url: URL, document: Document, *, without: AbstractSet[str] = frozenset()) -> None:
    """A document with a page, as releases before the page cache wrote them, less further columns of documents."""
    old = {name: value for name, value in document_to_row(document).items() if name not in {"fresh", *without}}
    page = page_to_row(new_page(document))
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(documents).values(**old, audit_sequence=0, audit_head=GENESIS))
        connection.execute(insert(pages).values({name: page[name] for name in page.keys() - CACHE_COLUMNS}))
    engine.dispose()


def put_before_the_front_door(url: URL, document: Document) -> None:
    """A document with a page, as the first release wrote them."""
    put_as_of(url, document, without=FRONT_DOOR_COLUMNS)


def test_data_goes_up_and_down(empty_database: URL) -> None:
    for _ in range(2):
        migrate(empty_database)
        put_one_of_each(empty_database)
        downgrade(empty_database, "base")
        assert tables(empty_database) == {"alembic_version"}
    with create_engine(empty_database).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'audit%'")).scalar() == 0


@pytest.mark.parametrize("state", [DocumentState.COMPLETED, DocumentState.ERASED])
def test_documents_from_before_the_front_door_stay(empty_database: URL, state: DocumentState) -> None:
    document = new_document(state=state)
    migrate(empty_database, "0001")
    put_before_the_front_door(empty_database, document)
    for _ in range(2):
        migrate(empty_database)
        records = PostgresRecords(create_pool(empty_database))
        with records() as work:
            assert work.documents.get(document.id) == replace(document, kind=DocumentKind.OTHER)
            assert work.pages.of_document(document.id) == [new_page(document)]
        records.close()
        downgrade(empty_database, "0001")
        assert tables(empty_database) == {"alembic_version", "audit_events", "documents", "pages", "review_items"}
        columns = inspect(create_engine(empty_database)).get_columns("documents")
        assert FRONT_DOOR_COLUMNS.isdisjoint(column["name"] for column in columns)


def test_the_front_door_goes_with_its_data_and_documents_stay(empty_database: URL) -> None:
    migrate(empty_database)
    put_one_of_each(empty_database)
    downgrade(empty_database, "0001")
    with create_engine(empty_database).connect() as connection:
        for table in (documents, pages, review_items, audit_events):
            assert connection.execute(select(func.count()).select_from(table)).scalar() == 1
    migrate(empty_database)
    records = PostgresRecords(create_pool(empty_database))
    with records() as work:
        (document,) = work.documents.find()
        assert (document.kind, document.deadline) == (DocumentKind.OTHER, None)
        assert (document.reference, document.callback) == (None, None)
        assert work.clients.all() == []
    records.close()


def test_pages_from_before_the_page_cache_stay_and_are_not_known(empty_database: URL) -> None:
    document = new_document()
    migrate(empty_database, "0002")
    put_as_of(empty_database, document)
    for _ in range(2):
        migrate(empty_database)
        records = PostgresRecords(create_pool(empty_database))
        with records() as work:
            assert work.documents.get(document.id) == document
            (page,) = work.pages.of_document(document.id)
            assert (page, page.fingerprint, page.known) == (new_page(document), None, False)
        records.close()
        downgrade(empty_database, "0002")
        inspected = inspect(create_engine(empty_database))
        assert CACHE_COLUMNS.isdisjoint(column["name"] for column in inspected.get_columns("pages"))
        assert "fresh" not in {column["name"] for column in inspected.get_columns("documents")}


def test_results_from_before_await_the_end_of_documents_that_have_not_ended(empty_database: URL) -> None:
    migrate(empty_database)
    records = PostgresRecords(create_pool(empty_database))
    made = [new_document(state=state) for state in (DocumentState.NEEDS_REVIEW, DocumentState.COMPLETED)]
    with records() as work:
        for number, document in enumerate(made):
            work.documents.add(document)
            digest = bytes([number] * 32)
            work.source_objects.put(
                SourceObject(document.client_id, digest, digest, NOON, NOON, document_id=document.id, output_due=NOON)
            )
        work.commit()
    downgrade(empty_database, "0007")
    migrate(empty_database)
    with records() as work:
        found = [work.source_objects.find(made[0].client_id, bytes([number] * 32)) for number in range(2)]
        assert [row is not None and row.awaits_end for row in found] == [True, False]
        (due,) = work.source_objects.claim_outputs(now=NOON, until=NOON, limit=9)
        assert due.document_id == made[1].id
    records.close()


def test_the_log_of_access_is_whole_after_the_way_back_and_forth(empty_database: URL) -> None:
    migrate(empty_database)
    put_one_of_each(empty_database)
    downgrade(empty_database, "0008")
    migrate(empty_database)
    records = PostgresRecords(create_pool(empty_database))
    with records() as work:
        (client,) = work.clients.all()
        events = work.access_log.events(client.id)
        assert [event.entry.kind for event in events] == [AccessKind.SECRET_CREATED]
        assert verify(client.id, events, work.access_log.head(client.id)) is None
    records.close()


def test_a_fingerprint_is_whole(postgres_url: URL) -> None:
    document = new_document()
    records = PostgresRecords(create_pool(postgres_url))
    with records() as work:
        work.documents.add(document)
        work.pages.add([replace(new_page(document), fingerprint=bytes(32))])
    with records() as work:
        work.documents.add(document)
        with pytest.raises(IntegrityError, match="pages_fingerprint_whole"):
            work.pages.add([replace(new_page(document), fingerprint=b"short")])
    records.close()


def test_an_erased_document_keeps_no_reference(postgres_url: URL) -> None:
    erased = new_document(state=DocumentState.ERASED)
    records = PostgresRecords(create_pool(postgres_url))
    for kept in (replace(erased, reference=b"sealed"), replace(erased, callback=b"sealed")):
        with records() as work, pytest.raises(IntegrityError, match="erased_has_no_reference"):
            work.documents.add(kept)
    with records() as work:
        work.documents.add(erased)
    records.close()


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
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, text=True) for _ in range(3)
    ]
    with create_engine(empty_database).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        for start in starts:
            assert start.stdin is not None
            start.stdin.write(empty_database.render_as_string(hide_password=False))
            start.stdin.close()
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        until(lambda: connection.execute(waiting).scalar() == len(starts), "all of them to wait")
        connection.invalidate()
    assert [start.wait(PATIENCE) for start in starts] == [0, 0, 0]
    assert "documents" in tables(empty_database)


def test_a_migration_does_not_wait_for_ever_for_a_table(postgres_url: URL) -> None:
    with create_engine(postgres_url).connect() as connection:
        connection.execute(text("LOCK TABLE audit_events"))
        with pytest.raises(DatabaseUnavailable, match="55P03"):
            downgrade(postgres_url, "base", lock_timeout=0.2)
        connection.rollback()
    assert "documents" in tables(postgres_url)


def test_a_migration_does_not_wait_for_ever_for_another(empty_database: URL) -> None:
    with create_engine(empty_database).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        with pytest.raises(DatabaseUnavailable, match="57014"):
            migrate(empty_database, statement_timeout=0.2)


def test_a_database_at_the_newest_schema_waits_for_nobody(postgres_url: URL) -> None:
    with create_engine(postgres_url).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        migrate(postgres_url, statement_timeout=10)


def test_the_newest_revision_is_the_one_that_alembic_finds() -> None:
    assert head_revision() == ScriptDirectory(str(ROOT / "migrations")).get_current_head()


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
