"""Webhook secrets: how one takes over from another, and what the log of access tells of it."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.clients import FIRST_SECRET
from ocr_pipeline.domain.errors import Conflict, KeyUnavailable, NotFound
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.access import InvalidAccess
from ocr_pipeline.operations.webhook_secrets import (
    MAX_USABLE_SECRETS,
    ManageWebhookSecrets,
    derive_secret,
    usable_secrets,
)
from tests.unit.gateway_auth.door import CLINIC, HOSPITAL, Door

NONE = timedelta(0)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def secrets(door: Door) -> ManageWebhookSecrets:
    return ManageWebhookSecrets(door.records, door.vault, door.clock)


def signing(door: Door, client: ClientId = HOSPITAL) -> list[str]:
    """What a client's webhooks are signed with now, as the client is shown it."""
    with door.records() as uow:
        usable = usable_secrets(uow, client, door.clock.now())
    return ["whsec_" + base64.b64encode(derive_secret(door.vault, secret)).decode() for secret in usable]


def test_a_secret_is_the_same_each_time_and_another_for_each_client(door: Door, secrets: ManageWebhookSecrets) -> None:
    shown = [secrets.current(client).text for client in (HOSPITAL, HOSPITAL, CLINIC)]
    assert shown[0] == shown[1] != shown[2]
    assert len(base64.b64decode(shown[0].removeprefix("whsec_"))) == 32
    assert base64.b64decode(shown[0].removeprefix("whsec_")) != door.key.secret
    assert signing(door) == shown[:1]
    assert shown[0] not in repr(secrets.current(HOSPITAL))


def test_the_first_secret_is_the_one_that_clients_had_before_there_were_others(
    door: Door, secrets: ManageWebhookSecrets
) -> None:
    first = base64.b64decode(secrets.current(HOSPITAL).text.removeprefix("whsec_"))
    assert first == door.vault.secret(HOSPITAL, "webhook")


def test_old_and_new_sign_until_the_overlap_is_over(door: Door, secrets: ManageWebhookSecrets) -> None:
    old = secrets.current(HOSPITAL)
    new = secrets.rotate(HOSPITAL, overlap=timedelta(hours=2))
    assert old.earlier_until is None
    assert new.earlier_until == door.clock.now() + timedelta(hours=2)
    assert signing(door) == [new.text, old.text]
    assert secrets.current(HOSPITAL) == new
    door.clock.advance(2 * 3600 - 1)
    assert signing(door) == [new.text, old.text]
    door.clock.advance(1)
    assert signing(door) == [new.text]
    assert secrets.current(HOSPITAL).earlier_until is None


def test_without_an_overlap_the_old_one_signs_nothing_more(door: Door, secrets: ManageWebhookSecrets) -> None:
    old, new = secrets.current(HOSPITAL), secrets.rotate(HOSPITAL, overlap=NONE)
    assert signing(door) == [new.text]
    assert new.text != old.text
    assert new.earlier_until is None


def test_a_further_rotation_lets_none_live_longer(door: Door, secrets: ManageWebhookSecrets) -> None:
    first = secrets.current(HOSPITAL)
    second = secrets.rotate(HOSPITAL, overlap=timedelta(hours=1))
    third = secrets.rotate(HOSPITAL, overlap=timedelta(hours=2))
    assert signing(door) == [third.text, second.text, first.text]
    door.clock.advance(3600)
    assert signing(door) == [third.text, second.text]
    fourth = secrets.rotate(HOSPITAL, overlap=NONE)
    assert signing(door) == [fourth.text]


def test_keys_and_other_clients_are_left_alone(door: Door, secrets: ManageWebhookSecrets) -> None:
    keys, theirs = door.keys.of(HOSPITAL), signing(door, CLINIC)
    secrets.rotate(HOSPITAL, overlap=NONE)
    assert door.keys.of(HOSPITAL) == keys
    assert signing(door, CLINIC) == theirs


def test_only_so_many_sign_at_once(door: Door, secrets: ManageWebhookSecrets) -> None:
    for _ in range(MAX_USABLE_SECRETS - 1):
        secrets.rotate(HOSPITAL)
    before = signing(door)
    assert len(before) == MAX_USABLE_SECRETS
    with pytest.raises(Conflict):
        secrets.rotate(HOSPITAL)
    assert signing(door) == before
    secrets.rotate(HOSPITAL, overlap=NONE)
    assert len(signing(door)) == 1


def test_an_overlap_is_not_negative(secrets: ManageWebhookSecrets) -> None:
    with pytest.raises(InvalidAccess):
        secrets.rotate(HOSPITAL, overlap=timedelta(seconds=-1))


def test_nobody_has_no_secret(secrets: ManageWebhookSecrets) -> None:
    for attempt in (secrets.current, secrets.rotate):
        with pytest.raises(NotFound):
            attempt(ClientId("nobody"))


def test_without_the_key_provider_nothing_is_half_made(door: Door) -> None:
    class Away(MemoryKeyProvider):
        def fingerprint_key(self, client_id: ClientId) -> bytes:
            raise KeyUnavailable("away")

    away = ManageWebhookSecrets(door.records, AesGcmVault(Away(), DataKeyCache(0, 0)), door.clock)
    with pytest.raises(KeyUnavailable):
        away.rotate(HOSPITAL)
    with door.records() as uow:
        assert uow.clients.webhook_secrets_of(HOSPITAL) == []


def test_the_log_tells_which_secret_came_and_which_one_ends(door: Door, secrets: ManageWebhookSecrets) -> None:
    known = len(door.clients.history(HOSPITAL).events)
    secrets.rotate(HOSPITAL, overlap=timedelta(hours=1))
    secrets.rotate(HOSPITAL, overlap=timedelta(hours=2))
    told = door.clients.history(HOSPITAL)
    assert told.broken_at is None
    entries = [event.entry for event in told.events[known:]]
    assert [entry.kind.value for entry in entries] == [
        "secret_ending", "secret_created", "secret_ending", "secret_created"
    ]  # fmt: skip
    first, second, ending, third = (dict(entry.details)["secret"] for entry in entries)
    assert first == FIRST_SECRET
    assert ending == second != third
