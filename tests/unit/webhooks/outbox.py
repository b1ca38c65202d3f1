"""An outbox in the in-memory world, and a sender that answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ocr_pipeline.domain.errors import DeliveryFailed
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.webhooks import Delivery, Webhook
from ocr_pipeline.operations.notify import SendWebhooks
from tests.unit.world import PNG, World

TIMEOUT = timedelta(seconds=10)
ADDRESS = "https://receiver.example/hook?patient=kim"

Answer = Callable[[str], int]


class FakeSender:
    """Answers as it is told and keeps what it was given."""

    def __init__(self, answer: Answer = lambda _: 204) -> None:
        self.answer = answer
        self.sent: list[tuple[str, dict[str, str], bytes]] = []

    def check(self, address: str) -> None:
        pass

    def send(self, address: str, headers: Mapping[str, str], body: bytes) -> int:
        self.sent.append((address, dict(headers), body))
        return self.answer(address)


def fails(cause: str) -> Answer:
    """No try gets through."""

    def answer(_: str) -> int:
        raise DeliveryFailed("not delivered", cause=cause)

    return answer


def sweep_of(world: World, sender: FakeSender, *, batch: int = 50, threads: int = 1) -> SendWebhooks:
    """A sweep over a world's outbox."""
    return SendWebhooks(world.records, world.vault, sender, world.clock, timeout=TIMEOUT, batch=batch, threads=threads)


def cancelled(world: World, address: str = ADDRESS, *, content: bytes = b"one", **said: Any) -> DocumentId:
    """A document with one webhook in the outbox."""
    document_id = world.receive(PNG, content, callback=address, **said).document_id
    world.cancel(document_id, actor="kim")
    return document_id


def outbox(world: World, document_id: DocumentId) -> tuple[Webhook, list[Delivery]]:
    """The one webhook of a document and every try."""
    with world.records() as uow:
        (webhook,) = uow.webhooks.of_document(document_id)
        return webhook, uow.webhooks.deliveries(webhook.id)
