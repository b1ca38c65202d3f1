"""What every implementation of the records promises of clients and their keys."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.clients import Allowance, ApiKey, Client, Role
from ocr_pipeline.domain.errors import Conflict, DatabaseUnavailable, IntegrityError, NotFound
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON, OpenRecords
from tests.waiting import PATIENCE

MINUTE = timedelta(minutes=1)
CLINIC = Client(ClientId("clinic"), frozenset({Role.SUBMITTER}), NOON)
KEY = ApiKey(KeyId("key-1"), CLINIC.id, NOON)


def add(records: Records, *rows: Client | ApiKey) -> None:
    with records() as work:
        for row in rows:
            if isinstance(row, Client):
                work.clients.add(row)
            else:
                work.clients.add_key(row)
        work.commit()


# Clients


def test_a_client_is_added_once(records: Records) -> None:
    add(records, CLINIC)
    with records() as work:
        with pytest.raises(Conflict):
            work.clients.add(replace(CLINIC, roles=frozenset()))
        assert work.clients.get(CLINIC.id) == CLINIC


def test_a_client_is_changed_whole(records: Records) -> None:
    add(records, CLINIC)
    changed = Client(
        CLINIC.id,
        frozenset(Role),
        NOON + MINUTE,
        Allowance(requests_per_minute=1, burst=2, queued_pages=0),
        ("s3://scans/second/", "s3://scans/first/"),
        NOON + 2 * MINUTE,
    )
    with records() as work:
        work.clients.save(changed)
        work.commit()
    with records() as work:
        assert work.clients.get(CLINIC.id) == changed


def test_clients_come_in_order_of_id(records: Records) -> None:
    """Of their code points, whatever language the database was set up for."""
    names = ["b-clinic", "Zeta", "a-clinic", "a.clinic", "의원"]
    add(records, *(replace(CLINIC, id=ClientId(name)) for name in names))
    with records() as work:
        assert [client.id for client in work.clients.all()] == sorted(names)


def test_unknown_clients_are_not_found(records: Records) -> None:
    with records() as work:
        with pytest.raises(NotFound):
            work.clients.get(CLINIC.id)
        with pytest.raises(NotFound):
            work.clients.lock(CLINIC.id)
        with pytest.raises(NotFound):
            work.clients.save(CLINIC)
        assert work.clients.all() == []


def test_a_client_is_nothing_without_commit(records: Records) -> None:
    with records() as work:
        work.clients.add(CLINIC)
        work.clients.add_key(KEY)
        assert work.clients.key(KEY.id) == KEY
    with records() as work:
        assert work.clients.all() == []
        assert work.clients.keys_of(CLINIC.id) == []


# Keys


def test_a_key_is_added_once(records: Records) -> None:
    add(records, CLINIC, KEY)
    with records() as work:
        with pytest.raises(Conflict):
            work.clients.add_key(replace(KEY, expires_at=NOON))
        assert work.clients.key(KEY.id) == KEY


def test_a_key_belongs_to_a_known_client(records: Records) -> None:
    with records() as work:
        with pytest.raises(IntegrityError):
            work.clients.add_key(KEY)
        work.clients.add(CLINIC)
        work.clients.add_key(KEY)
        work.commit()


def test_a_key_is_changed_whole(records: Records) -> None:
    add(records, CLINIC, replace(CLINIC, id=ClientId("other")), KEY)
    changed = ApiKey(KEY.id, ClientId("other"), NOON + MINUTE, NOON + 2 * MINUTE, NOON + 3 * MINUTE)
    with records() as work:
        work.clients.save_key(changed)
        work.commit()
    with records() as work:
        assert work.clients.key(KEY.id) == changed


def test_keys_of_a_client_come_oldest_first(records: Records) -> None:
    old, new = replace(KEY, id=KeyId("z"), created_at=NOON - MINUTE), replace(KEY, id=KeyId("a"))
    foreign = replace(KEY, id=KeyId("foreign"), client_id=ClientId("other"))
    add(records, CLINIC, replace(CLINIC, id=ClientId("other")), new, foreign, old)
    with records() as work:
        assert work.clients.keys_of(CLINIC.id) == [old, new]
        assert work.clients.keys_of(ClientId("nobody")) == []


def test_unknown_keys_are_not_found(records: Records) -> None:
    with records() as work:
        with pytest.raises(NotFound):
            work.clients.key(KEY.id)
        with pytest.raises(NotFound):
            work.clients.save_key(KEY)


def test_changes_of_one_client_take_turns(open_records: OpenRecords) -> None:
    records = open_records(lock_timeout=0.2)
    add(records, CLINIC)
    with records() as work:
        work.clients.save(replace(CLINIC, disabled_at=NOON))
        with records() as other:
            assert other.clients.get(CLINIC.id) == CLINIC
            with pytest.raises(DatabaseUnavailable):
                other.clients.save(CLINIC)
        work.commit()


def test_a_lock_keeps_others_from_a_client_until_the_end(open_records: OpenRecords) -> None:
    records = open_records(lock_timeout=0.2)
    add(records, CLINIC, replace(CLINIC, id=ClientId("other")))
    with records() as work:
        assert work.clients.lock(CLINIC.id) == CLINIC
        with records() as other:
            assert other.clients.get(CLINIC.id) == CLINIC
            assert other.clients.lock(ClientId("other")).id == "other"
            with pytest.raises(DatabaseUnavailable):
                other.clients.lock(CLINIC.id)
    with records() as other:
        assert other.clients.lock(CLINIC.id) == CLINIC


def test_a_lock_shows_what_its_last_holder_left(records: Records) -> None:
    add(records, CLINIC, KEY)
    waiting = threading.Event()

    def lock_later() -> tuple[Client, ApiKey]:
        with records() as work:
            waiting.set()
            return work.clients.lock(CLINIC.id), work.clients.key(KEY.id)

    with ThreadPoolExecutor(1) as pool, records() as work:
        work.clients.lock(CLINIC.id)
        seen = pool.submit(lock_later)
        assert waiting.wait(PATIENCE)
        disabled, revoked = replace(CLINIC, disabled_at=NOON), replace(KEY, revoked_at=NOON)
        work.clients.save(disabled)
        work.clients.save_key(revoked)
        work.commit()
        assert seen.result(PATIENCE) == (disabled, revoked)
