"""Rows of webhooks, and what sends them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from ocr_pipeline.domain.ids import DocumentId, WebhookId
from ocr_pipeline.domain.webhooks import Delivery, Webhook


class Webhooks(Protocol):
    """Webhooks to be sent, and the log of every try."""

    def add(self, webhook: Webhook) -> None:
        """Insert. Raises Conflict for a known id."""
        ...

    def get(self, webhook_id: WebhookId) -> Webhook:
        """Raises NotFound."""
        ...

    def save(self, webhook: Webhook) -> None:
        """Write every field of a known webhook. Raises NotFound."""
        ...

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[Webhook]:
        """Open webhooks whose `not_before` has passed, oldest first, put off until `until`.

        So nobody else sends them meanwhile. Several processes may claim at once; each webhook goes to one.
        """
        ...

    def of_document(self, document_id: DocumentId) -> list[Webhook]:
        """Every webhook of a document, oldest first."""
        ...

    def log(self, delivery: Delivery) -> None:
        """Record a try."""
        ...

    def deliveries(self, webhook_id: WebhookId) -> list[Delivery]:
        """Every try of a webhook, oldest first."""
        ...

    def forget_before(self, moment: datetime) -> int:
        """Drop every webhook that was delivered or given up before then, with its tries; returns how many."""
        ...


class WebhookSender(Protocol):
    """Sends one message to an address that a client gave."""

    def check(self, address: str) -> None:
        """Raises Refused where messages may not go: no https, no public address, a form that is no URL."""
        ...

    def send(self, address: str, headers: Mapping[str, str], body: bytes) -> int:
        """Post and return the status. Raises DeliveryFailed, also for an address that has become private."""
        ...
