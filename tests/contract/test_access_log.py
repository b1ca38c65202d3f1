"""What every implementation of the records promises of the log of access, and what is put into it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.access import AccessEntry, AccessKind, verify
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.clients import Client, Role
from ocr_pipeline.domain.errors import Conflict, NotFound
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.access import Changes, ManageClients, ManageKeys
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON

WARD = ClientId("ward")


def entry(kind: AccessKind = AccessKind.CLIENT_CHANGED, **details: str | int | None) -> AccessEntry:
    return AccessEntry(WARD, kind, NOON, "cli:someone", tuple(details.items()))


@pytest.fixture
def ward(records: Records) -> ClientId:
    with records() as work:
        work.clients.add(Client(WARD, frozenset({Role.SUBMITTER}), NOON))
        work.commit()
    return WARD


def test_entries_are_chained_in_order(records: Records, ward: ClientId) -> None:
    for entries in ([entry(burst=3), entry(AccessKind.CLIENT_DISABLED)], [entry(AccessKind.KEY_CREATED, key="k")]):
        with records() as work:
            work.clients.lock(ward)
            for each in entries:
                work.access_log.append(each)
            work.commit()
    with records() as work:
        events, head = work.access_log.events(ward), work.access_log.head(ward)
    assert [event.sequence for event in events] == [1, 2, 3]
    assert events[0].entry == entry(burst=3)
    assert head == ChainHead(3, events[-1].hash)
    assert verify(ward, events, head) is None
    assert verify(ward, events[:-1], head) == 3
    assert verify(ward, [events[1], events[0], events[2]], head) == 1
    assert verify(ClientId("other"), events, head) == 1


def test_an_entry_that_was_not_committed_was_never_there(records: Records, ward: ClientId) -> None:
    with records() as work:
        work.clients.lock(ward)
        work.access_log.append(entry())
    with records() as work:
        assert work.access_log.events(ward) == []
        assert work.access_log.head(ward) == ChainHead()


def test_an_unknown_client_has_no_log(records: Records) -> None:
    with records() as work:
        assert work.access_log.events(WARD) == []
        with pytest.raises(NotFound):
            work.access_log.head(WARD)
        with pytest.raises(NotFound):
            work.access_log.append(entry())


def test_every_change_of_a_client_and_its_keys_is_told_with_who_made_it(records: Records) -> None:
    clients = ManageClients(records, SystemClock(), "cli:alice")
    vault = AesGcmVault(MemoryKeyProvider(), DataKeyCache(1, 1.0))
    keys = ManageKeys(records, vault, SystemClock(), actor="cli:bob")
    clients.create(WARD, Changes())
    first = keys.create(WARD)
    keys.rotate(WARD, overlap=timedelta(hours=1))
    keys.revoke(first.key.id)
    clients.change(WARD, Changes(burst=5))
    clients.disable(WARD)
    clients.enable(WARD)
    told = clients.history(WARD)
    assert told.broken_at is None
    assert [(event.entry.kind.value, event.entry.actor) for event in told.events] == [
        ("client_created", "cli:alice"),
        ("key_created", "cli:bob"),
        ("key_ending", "cli:bob"),
        ("key_created", "cli:bob"),
        ("key_revoked", "cli:bob"),
        ("client_changed", "cli:alice"),
        ("client_disabled", "cli:alice"),
        ("client_enabled", "cli:alice"),
    ]
    assert ("key", first.key.id) in told.events[1].entry.details
    assert ("burst", 5) in told.events[5].entry.details


def test_what_changes_nothing_is_not_told(records: Records) -> None:
    clients = ManageClients(records, SystemClock())
    clients.create(WARD, Changes())
    clients.enable(WARD)
    clients.change(WARD, Changes())
    with pytest.raises(Conflict):
        clients.create(WARD, Changes())
    assert len(clients.history(WARD).events) == 1
