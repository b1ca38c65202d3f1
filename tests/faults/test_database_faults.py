"""What happens to the records when the database dies, hangs, fills up or refuses."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL

from ocr_pipeline.adapters.postgres import engine
from ocr_pipeline.adapters.postgres.embedded import EmbeddedPostgres
from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.migrate import migrate
from ocr_pipeline.adapters.postgres.nonces import PostgresNonces
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import DatabaseUnavailable, IntegrityError, PipelineError, StoreFull
from ocr_pipeline.domain.ids import ClientId
from tests.postgres_databases import TestServer
from tests.postgres_fixtures import new_document, new_page, put
from tests.waiting import PATIENCE, until

OpenPostgres = Callable[..., PostgresRecords]
SECRET = "Hong-Gildong-880101"
OURS = "FROM pg_stat_activity WHERE datname = %s AND application_name = 'ocr-pipeline'"


# Death


def test_a_killed_database_costs_only_what_was_not_committed(tmp_path: Path) -> None:
    data_dir = tmp_path / "db"
    with EmbeddedPostgres(data_dir, fsync=False) as server:
        migrate(server.url)
        records = PostgresRecords(create_pool(server.url))
        kept, lost = new_document(), new_document()
        put(records, kept)
        with records() as work:
            work.documents.add(lost)
            os.kill(int((data_dir / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            # The process behind this connection may still answer until it notices that its parent is gone.
            with pytest.raises(DatabaseUnavailable):
                until(lambda: work.documents.get(lost.id) is None, "the server to die")
            with pytest.raises(DatabaseUnavailable):
                work.commit()
        with pytest.raises(DatabaseUnavailable), records():
            pass
        with pytest.raises(DatabaseUnavailable):
            records.check()

        server.start()

        records.check()
        with records() as work:
            assert work.documents.find() == [kept]
        put(records, lost)
        records.close()


def test_a_cut_connection_is_replaced(
    postgres_server: TestServer, postgres_url: URL, postgres_records: PostgresRecords
) -> None:
    with postgres_records() as work, postgres_server.connect() as admin:
        work.documents.find()
        admin.execute(f"SELECT pg_terminate_backend(pid, 120000) {OURS}", [postgres_url.database])
        with pytest.raises(DatabaseUnavailable):
            work.documents.find()
        with pytest.raises(DatabaseUnavailable):
            work.documents.find()
    with postgres_records() as work:
        assert work.documents.find() == []


def test_a_connection_that_rested_proves_itself_before_it_is_lent_again(
    postgres_server: TestServer,
    postgres_url: URL,
    postgres_records: PostgresRecords,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_TRUSTED_SECONDS", 0.0)
    with postgres_records() as work:
        work.documents.find()
    with postgres_server.connect() as admin:
        admin.execute(f"SELECT pg_terminate_backend(pid, 120000) {OURS}", [postgres_url.database])
    with postgres_records() as work:
        assert work.documents.find() == []


def test_a_connection_cut_under_a_single_statement_is_replaced(
    postgres_server: TestServer,
    postgres_url: URL,
    postgres_records: PostgresRecords,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_TRUSTED_SECONDS", 3600.0)
    nonces, later = PostgresNonces(postgres_records.engine), datetime.now(UTC)
    assert nonces.claim("key", "first", until=later)
    with postgres_server.connect() as admin:
        admin.execute(f"SELECT pg_terminate_backend(pid, 120000) {OURS}", [postgres_url.database])
    with pytest.raises(DatabaseUnavailable):
        nonces.claim("key", "second", until=later)
    assert nonces.claim("key", "second", until=later)
    assert not nonces.claim("key", "first", until=later)


def test_a_statement_at_once_leaves_units_of_work_their_transactions(postgres_records: PostgresRecords) -> None:
    document = new_document()
    with engine.at_once(postgres_records.engine) as connection:
        connection.execute("SELECT 1")
    with postgres_records() as work:
        work.documents.add(document)
    with postgres_records() as work:
        assert work.documents.find() == []


def test_a_connection_cut_under_plain_sql_is_replaced(
    postgres_server: TestServer, postgres_url: URL, postgres_records: PostgresRecords
) -> None:
    with postgres_records() as work, postgres_server.connect() as admin:
        work.documents.find_duplicate(ClientId("clinic"), b"same")
        admin.execute(f"SELECT pg_terminate_backend(pid, 120000) {OURS}", [postgres_url.database])
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                work.documents.find_duplicate(ClientId("clinic"), b"same")
        with pytest.raises(DatabaseUnavailable):
            work.commit()
    put(postgres_records, new_document())


# Waiting


def test_a_statement_is_bounded(open_postgres: OpenPostgres) -> None:
    patient, bounded = open_postgres(), open_postgres(statement_timeout=0.2, lock_timeout=0)
    with patient() as holder, bounded() as waiter:
        holder.documents.find_duplicate(ClientId("clinic"), b"same")
        with pytest.raises(DatabaseUnavailable, match="57014"):
            waiter.documents.find_duplicate(ClientId("clinic"), b"same")
        with pytest.raises(DatabaseUnavailable, match="25P02"):
            waiter.documents.find()


def test_a_lock_is_bounded(open_postgres: OpenPostgres) -> None:
    records = open_postgres(lock_timeout=0.2)
    document = new_document()
    put(records, document)
    with records() as holder, records() as waiter:
        holder.documents.lock(document.id)
        with pytest.raises(DatabaseUnavailable, match="55P03"):
            waiter.documents.lock(document.id)


def test_units_of_work_that_wait_for_each_other_end(open_postgres: OpenPostgres) -> None:
    records = open_postgres(lock_timeout=120, statement_timeout=0)
    first, second = new_document(), new_document()
    put(records, first)
    put(records, second)
    both_hold = threading.Barrier(2)
    failures: list[PipelineError] = []

    def cross(one: Document, other: Document) -> None:
        with records() as work:
            work.documents.lock(one.id)
            both_hold.wait(PATIENCE)
            try:
                work.documents.lock(other.id)
            except DatabaseUnavailable as error:
                failures.append(error)

    threads = [threading.Thread(target=cross, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(failures) == 1
    assert "40P01" in str(failures[0])


def test_an_idle_unit_of_work_is_bounded(
    open_postgres: OpenPostgres, postgres_server: TestServer, postgres_url: URL
) -> None:
    records = open_postgres(idle_in_transaction_timeout=0.5)
    with records() as work, postgres_server.connect() as admin:
        with suppress(DatabaseUnavailable):  # on a busy machine its first words may come too late already
            work.documents.find()
        until(
            lambda: admin.execute(f"SELECT 1 {OURS}", [postgres_url.database]).fetchone() is None,
            "the session to be ended",
        )
        with pytest.raises(DatabaseUnavailable):
            work.documents.find()
    until(lambda: _finds_nothing(records), "a session that replaces it")


def _finds_nothing(records: PostgresRecords) -> bool:
    with suppress(DatabaseUnavailable), records() as work:
        return work.documents.find() == []
    return False


def test_waiting_for_a_connection_is_bounded(open_postgres: OpenPostgres) -> None:
    records = open_postgres(pool_size=1, pool_timeout=0.1)
    with records(), pytest.raises(DatabaseUnavailable, match="in use"), records():
        pass


@pytest.mark.parametrize("listens", [True, False], ids=["silent", "closed"])
def test_connecting_is_bounded(listens: bool) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        if listens:
            door.listen()
        url = URL.create("postgresql", "nobody", "wrong", "127.0.0.1", door.getsockname()[1], "none")
        records = PostgresRecords(create_pool(url, connect_timeout=2))
        with pytest.raises(DatabaseUnavailable) as caught, records():
            pass
        with pytest.raises(DatabaseUnavailable):
            records.check()
    assert "wrong" not in str(caught.value)


def test_a_missing_database_is_unavailable(postgres_url: URL) -> None:
    records = PostgresRecords(create_pool(postgres_url.set(database="none_like_this")))
    with pytest.raises(DatabaseUnavailable):
        records.check()


def test_a_standby_is_unavailable(
    postgres_server: TestServer, postgres_url: URL, postgres_records: PostgresRecords
) -> None:
    with postgres_server.connect() as admin:
        admin.execute(f"ALTER DATABASE {postgres_url.database} SET default_transaction_read_only = on")
    with postgres_records() as work, pytest.raises(DatabaseUnavailable, match="25006"):
        work.documents.add(new_document())


# Refusals


@pytest.mark.parametrize(
    "wrong",
    [
        replace(new_document(client_id=SECRET), state=DocumentState.ERASED),
        new_document(client_id=f"{SECRET}\0"),
        replace(new_document(client_id=SECRET), size=-1),
        replace(new_document(client_id=SECRET), size=2**70),
    ],
    ids=["erased with a key", "nul", "negative", "too large"],
)
def test_a_refused_record_is_told_without_its_values(
    postgres_records: PostgresRecords, wrong: Document, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with postgres_records() as work, pytest.raises(IntegrityError) as caught:
        work.documents.add(wrong)
    with postgres_records() as work:
        assert work.documents.find() == []
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert SECRET not in caplog.text


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 MiB of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            return filler


def test_a_full_disk_is_told_and_recovers(small_disk: Path) -> None:
    with EmbeddedPostgres(small_disk / "db", fsync=False) as server:
        migrate(server.url)
        records = PostgresRecords(create_pool(server.url))
        document = new_document()
        put(records, document)

        filler = fill(small_disk)
        with records() as work:
            work.documents.lock(document.id)
            with pytest.raises(StoreFull):
                work.pages.add([replace(new_page(document), text=os.urandom(4 << 20))])

        filler.unlink()
        with records() as work:
            work.documents.lock(document.id)
            work.pages.add([replace(new_page(document), text=os.urandom(4 << 20))])
            work.commit()
        records.close()


def test_a_full_disk_is_told_at_the_start(small_disk: Path) -> None:
    data_dir = small_disk / "db"
    filler = fill(small_disk)
    with pytest.raises(StoreFull, match="make room"):
        EmbeddedPostgres(data_dir, fsync=False).start()
    filler.unlink()
    with EmbeddedPostgres(data_dir, fsync=False):
        pass
    filler = fill(small_disk)
    with pytest.raises(StoreFull, match="make room"):
        EmbeddedPostgres(data_dir, fsync=False).start()
    filler.unlink()
    with EmbeddedPostgres(data_dir, fsync=False):
        pass
