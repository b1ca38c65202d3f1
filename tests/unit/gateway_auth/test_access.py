"""Clients and keys: what may be asked of them, and how keys begin and end."""

from __future__ import annotations

import base64
import re
from datetime import timedelta

import pytest

from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.clients import Allowance, ApiKey, Role
from ocr_pipeline.domain.errors import Conflict, KeyUnavailable, NotFound
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.operations.access import MAX_USABLE_KEYS, Changes, InvalidAccess, IssuedKey, ManageKeys, key_secret
from tests.unit.gateway_auth.door import CLINIC, HOSPITAL, Door


@pytest.fixture
def door() -> Door:
    return Door()


def usable(door: Door, client: ClientId = HOSPITAL) -> set[KeyId]:
    return {key.id for key in door.keys.of(client) if key.usable(door.clock.now())}


def test_a_client_is_made_with_what_is_usual(door: Door) -> None:
    made = door.clients.create(ClientId("c"), Changes())
    assert made.roles == {Role.SUBMITTER}
    assert made.allowance == Allowance()
    assert made.sources == ()
    assert made in door.clients.all()


def test_an_id_is_taken_once(door: Door) -> None:
    with pytest.raises(Conflict):
        door.clients.create(HOSPITAL, Changes())


@pytest.mark.parametrize("client_id", ["", "-a", ".a", "A", "a b", "a/b", "a\n", "é", "a" * 64])
def test_an_id_has_a_form(door: Door, client_id: str) -> None:
    with pytest.raises(InvalidAccess):
        door.clients.create(ClientId(client_id), Changes())


IMPOSSIBLE = [
    Changes(roles=()),
    Changes(requests_per_minute=0),
    Changes(burst=0),
    Changes(queued_pages=-1),
    Changes(sources=["https://bucket/prefix"]),
    Changes(sources=["s3://"]),
    Changes(sources=["s3://Bucket/prefix"]),
    Changes(sources=["s3://bucket/a prefix"]),
    Changes(sources=[f"s3://bucket/{number}" for number in range(101)]),
]


@pytest.mark.parametrize("changes", IMPOSSIBLE)
def test_what_cannot_be_is_refused_and_changes_nothing(door: Door, changes: Changes) -> None:
    before = door.clients.all()
    with pytest.raises(InvalidAccess):
        door.clients.create(ClientId("c"), changes)
    with pytest.raises(InvalidAccess):
        door.clients.change(HOSPITAL, changes)
    assert door.clients.all() == before


def test_a_change_leaves_what_is_not_named(door: Door) -> None:
    door.clients.change(HOSPITAL, Changes(burst=3, sources=["s3://scans", "s3://scans/a", "s3://scans"]))
    changed = door.clients.change(HOSPITAL, Changes(requests_per_minute=5))
    assert changed.allowance == Allowance(5, 3, Allowance().queued_pages)
    assert changed.sources == ("s3://scans", "s3://scans/a")
    assert changed.roles == {Role.SUBMITTER, Role.REVIEWER}
    assert door.clients.change(HOSPITAL, Changes(sources=())).sources == ()


def test_disabling_again_keeps_the_first_time(door: Door) -> None:
    first = door.clients.disable(HOSPITAL)
    door.clock.advance(5)
    assert door.clients.disable(HOSPITAL) == first
    assert door.clients.enable(HOSPITAL).disabled_at is None


def test_nobody_unknown_is_changed(door: Door) -> None:
    nobody = ClientId("nobody")
    for attempt in (
        lambda: door.clients.change(nobody, Changes()),
        lambda: door.clients.disable(nobody),
        lambda: door.clients.enable(nobody),
        lambda: door.keys.create(nobody),
        lambda: door.keys.rotate(nobody),
        lambda: door.keys.of(nobody),
        lambda: door.keys.revoke(KeyId("ock_nobody")),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_key_has_an_id_of_its_own_and_a_secret_that_can_be_derived_again(door: Door) -> None:
    issued = [door.keys.create(HOSPITAL) for _ in range(3)]
    for each in issued:
        assert re.fullmatch(r"ock_[a-z2-7]{20}", each.key.id)
        assert len(each.secret) == 32
        assert key_secret(door.vault, each.key) == each.secret
    assert len({each.key.id for each in issued}) == len({each.secret for each in issued}) == 3


def test_a_key_id_is_made_of_all_the_entropy_it_shows(door: Door) -> None:
    keys = ManageKeys(door.records, door.vault, door.clock, lambda count: bytes(range(count)))
    assert keys.create(HOSPITAL).key.id == "ock_" + base64.b32encode(bytes(range(15))).decode().lower()[:20]
    with pytest.raises(Conflict):
        keys.create(CLINIC)


def test_the_same_key_id_would_have_another_secret_at_another_client(door: Door) -> None:
    elsewhere = ApiKey(door.key.key.id, CLINIC, door.clock.now())
    assert key_secret(door.vault, elsewhere) != door.key.secret


def test_a_further_key_leaves_those_before_it_alone(door: Door) -> None:
    more = door.keys.create(HOSPITAL, lifetime=timedelta(days=1))
    assert usable(door) == {door.key.key.id, more.key.id}
    door.clock.advance(86_400)
    assert usable(door) == {door.key.key.id}


def test_rotating_ends_those_before_it_after_the_overlap(door: Door) -> None:
    soon = door.keys.create(HOSPITAL, lifetime=timedelta(hours=1))
    new = door.keys.rotate(HOSPITAL)
    assert usable(door) == {door.key.key.id, soon.key.id, new.key.id}
    door.clock.advance(3_600)
    assert usable(door) == {door.key.key.id, new.key.id}
    door.clock.advance(23 * 3_600)
    assert usable(door) == {new.key.id}


def test_rotating_touches_no_other_client_and_no_revoked_key(door: Door) -> None:
    other = door.keys.create(CLINIC)
    revoked = door.keys.revoke(door.keys.create(HOSPITAL).key.id)
    door.keys.rotate(HOSPITAL, overlap=timedelta(0))
    assert usable(door, CLINIC) == {other.key.id}
    assert next(key for key in door.keys.of(CLINIC)).expires_at is None
    assert revoked in door.keys.of(HOSPITAL)


def test_rotating_without_overlap_ends_those_before_it_at_once(door: Door) -> None:
    assert usable(door) == {door.key.key.id}
    new = door.keys.rotate(HOSPITAL, overlap=timedelta(0), lifetime=timedelta(days=2))
    assert usable(door) == {new.key.id}


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_key_lives_for_some_time(door: Door, seconds: int) -> None:
    with pytest.raises(InvalidAccess):
        door.keys.create(HOSPITAL, lifetime=timedelta(seconds=seconds))


def test_an_overlap_is_not_negative(door: Door) -> None:
    with pytest.raises(InvalidAccess):
        door.keys.rotate(HOSPITAL, overlap=timedelta(seconds=-1))


def test_a_client_has_only_so_many_keys_that_work(door: Door) -> None:
    issued: list[IssuedKey] = [door.keys.create(CLINIC) for _ in range(MAX_USABLE_KEYS)]
    for attempt in (door.keys.create, door.keys.rotate):
        with pytest.raises(Conflict):
            attempt(CLINIC)
    door.keys.revoke(issued[0].key.id)
    door.keys.create(CLINIC)
    door.keys.rotate(CLINIC, overlap=timedelta(0))
    assert len(usable(door, CLINIC)) == 1


def test_revoking_is_for_good(door: Door) -> None:
    first = door.keys.revoke(door.key.key.id)
    door.clock.advance(5)
    assert door.keys.revoke(door.key.key.id) == first
    assert usable(door) == set()


def test_without_the_key_provider_nothing_is_half_made(door: Door) -> None:
    class Away(MemoryKeyProvider):
        def fingerprint_key(self, client_id: ClientId) -> bytes:
            raise KeyUnavailable("away")

    before = door.keys.of(HOSPITAL)
    keys = ManageKeys(door.records, AesGcmVault(Away(), DataKeyCache(0, 0)), door.clock)
    with pytest.raises(KeyUnavailable):
        keys.rotate(HOSPITAL)
    assert door.keys.of(HOSPITAL) == before
