"""What every implementation of the records promises of webhook secrets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.clients import Client, Role, WebhookSecret
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import ClientId, SecretId
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON

MINUTE = timedelta(minutes=1)
CLINIC = Client(ClientId("clinic"), frozenset({Role.SUBMITTER}), NOON)
SECRET = WebhookSecret(SecretId("first"), CLINIC.id)


def test_a_client_begins_without_rows(records: Records) -> None:
    with records() as work:
        work.clients.add(CLINIC)
        assert work.clients.webhook_secrets_of(CLINIC.id) == []
        work.commit()


def test_secrets_come_newest_first_and_are_written_whole(records: Records) -> None:
    kept = [
        WebhookSecret(SecretId("a"), CLINIC.id, NOON + MINUTE),
        WebhookSecret(SecretId("c"), CLINIC.id, NOON + 2 * MINUTE),
        WebhookSecret(SecretId("b"), CLINIC.id),
    ]
    with records() as work:
        work.clients.add(CLINIC)
        work.clients.add(replace(CLINIC, id=ClientId("other")))
        work.clients.put_webhook_secret(replace(SECRET, client_id=ClientId("other")))
        for secret in kept:
            work.clients.put_webhook_secret(replace(secret, expires_at=None))
            work.clients.put_webhook_secret(secret)
        work.commit()
    with records() as work:
        assert work.clients.webhook_secrets_of(CLINIC.id) == [kept[2], kept[1], kept[0]]


def test_clients_may_have_secrets_of_one_id(records: Records) -> None:
    with records() as work:
        for name in ("clinic", "other"):
            work.clients.add(replace(CLINIC, id=ClientId(name)))
            work.clients.put_webhook_secret(replace(SECRET, client_id=ClientId(name)))
        work.commit()
    with records() as work:
        assert work.clients.webhook_secrets_of(CLINIC.id) == [SECRET]


def test_a_secret_belongs_to_a_known_client(records: Records) -> None:
    with records() as work, pytest.raises(IntegrityError):
        work.clients.put_webhook_secret(SECRET)


def test_a_secret_is_nothing_without_commit(records: Records) -> None:
    with records() as work:
        work.clients.add(CLINIC)
        work.commit()
    with records() as work:
        work.clients.put_webhook_secret(SECRET)
    with records() as work:
        assert work.clients.webhook_secrets_of(CLINIC.id) == []
