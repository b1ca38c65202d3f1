"""Messages while a secret is rotated: they bear the signatures of all that are still good, at the time of each try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ocr_pipeline.client import WebhookRefused, read_webhook
from ocr_pipeline.domain.clients import Client, Role
from ocr_pipeline.operations.notify import Notified
from ocr_pipeline.operations.webhook_secrets import ManageWebhookSecrets
from tests.unit.webhooks.outbox import FakeSender, cancelled, sweep_of
from tests.unit.world import CLIENT, World

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> World:
    """A world whose client is known, at the time that it really is: receivers refuse what is minutes old."""
    made = World()
    made.clock.time = datetime.now(UTC)
    with made.records() as uow:
        uow.clients.add(Client(CLIENT, frozenset({Role.SUBMITTER}), made.clock.time))
        uow.commit()
    return made


@pytest.fixture
def secrets(world: World) -> ManageWebhookSecrets:
    return ManageWebhookSecrets(world.records, world.vault, world.clock)


def test_a_message_in_the_overlap_is_taken_with_the_old_secret_and_with_the_new(
    world: World, secrets: ManageWebhookSecrets
) -> None:
    sender = FakeSender()
    document_id = cancelled(world)
    old, new = secrets.current(CLIENT), secrets.rotate(CLIENT, overlap=HOUR)
    assert sweep_of(world, sender)() == Notified(delivered=1)
    ((_, headers, body),) = sender.sent
    for held in (old.text, new.text):
        assert read_webhook(body, headers, held).document_id == str(document_id)


def test_after_the_overlap_the_old_secret_takes_nothing(world: World, secrets: ManageWebhookSecrets) -> None:
    sender = FakeSender()
    cancelled(world)
    old, new = secrets.current(CLIENT), secrets.rotate(CLIENT, overlap=timedelta(0))
    sweep_of(world, sender)()
    ((_, headers, body),) = sender.sent
    assert read_webhook(body, headers, new.text).kind == "document.cancelled"
    with pytest.raises(WebhookRefused):
        read_webhook(body, headers, old.text)


def test_a_further_try_is_signed_as_it_is_then(world: World, secrets: ManageWebhookSecrets) -> None:
    sender = FakeSender(lambda _: 500)
    cancelled(world)
    sweep = sweep_of(world, sender)
    sweep()
    secrets.rotate(CLIENT, overlap=timedelta(seconds=30))
    for seconds in (10, 400):
        world.clock.advance(seconds=seconds)
        sweep()
    assert [len(headers["webhook-signature"].split(" ")) for _, headers, _ in sender.sent] == [1, 2, 1]
