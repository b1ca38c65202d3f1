"""Webhooks in memory, and the tries to deliver them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.ids import DocumentId, WebhookId
from ocr_pipeline.domain.webhooks import Delivery, Webhook


class MemoryWebhooks:
    """Webhooks to be sent, and the log of every try."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, webhook: Webhook) -> None:
        """Insert. Raises Conflict for a known id, IntegrityError for an unknown document."""
        self._transaction.lock("webhook", webhook.id)
        if self._transaction.webhooks.get(webhook.id) is not None:
            raise Conflict("a webhook with this id exists already")
        if self._transaction.documents.get(webhook.document_id) is None:
            raise IntegrityError("a webhook needs its document")
        self._transaction.webhooks.put(webhook.id, webhook)

    def get(self, webhook_id: WebhookId) -> Webhook:
        """Raises NotFound."""
        webhook = self._transaction.webhooks.get(webhook_id)
        if webhook is None:
            raise NotFound("no such webhook")
        return webhook

    def save(self, webhook: Webhook) -> None:
        """Write every field. Raises NotFound."""
        self._transaction.lock("webhook", webhook.id)
        self.get(webhook.id)
        self._transaction.webhooks.put(webhook.id, webhook)

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[Webhook]:
        """Those due for longest, passing over what another unit of work has in its hands."""
        due = [row for row in self._transaction.webhooks.rows() if _is_due(row, now)]
        claimed: list[Webhook] = []
        for row in sorted(due, key=lambda row: (row.not_before, row.id)):
            if len(claimed) == limit:
                break
            if self._transaction.try_lock("webhook", row.id) and _is_due(self.get(row.id), now):
                claimed.append(replace(self.get(row.id), not_before=until))
                self._transaction.webhooks.put(row.id, claimed[-1])
        return claimed

    def of_document(self, document_id: DocumentId) -> list[Webhook]:
        """Oldest first."""
        found = [row for row in self._transaction.webhooks.rows() if row.document_id == document_id]
        return sorted(found, key=lambda row: (row.created_at, row.id))

    def log(self, delivery: Delivery) -> None:
        """Insert. Raises IntegrityError for an unknown webhook."""
        if self._transaction.webhooks.get(delivery.webhook_id) is None:
            raise IntegrityError("a try needs its webhook")
        self._transaction.deliveries.put(uuid4(), delivery)

    def deliveries(self, webhook_id: WebhookId) -> list[Delivery]:
        """Oldest first."""
        found = [row for row in self._transaction.deliveries.rows() if row.webhook_id == webhook_id]
        return sorted(found, key=lambda row: row.at)

    def forget_before(self, moment: datetime) -> int:
        """Tries go with their webhooks."""
        ended = {row.id for row in self._transaction.webhooks.rows() if _ended_before(row, moment)}
        self._transaction.deliveries.drop(lambda row: row.webhook_id in ended)
        return self._transaction.webhooks.drop(lambda row: row.id in ended)


def _ended_before(webhook: Webhook, moment: datetime) -> bool:
    ended = webhook.delivered_at or webhook.abandoned_at
    return ended is not None and ended < moment


def _is_due(webhook: Webhook, now: datetime) -> bool:
    return webhook.is_open and webhook.not_before <= now
