"""Rows of webhooks and of the tries to deliver them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import RowMapping, delete, func, insert, select, update

from ocr_pipeline.adapters.postgres.front_door_tables import webhook_deliveries, webhooks
from ocr_pipeline.adapters.postgres.rows import Row, utc, utc_or_none
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId, WebhookId
from ocr_pipeline.domain.webhooks import Delivery, Webhook, WebhookEvent


class PostgresWebhooks:
    """The `Webhooks` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, webhook: Webhook) -> None:
        """Insert. Raises Conflict for a known id, IntegrityError for an unknown document."""
        self._transaction.insert(insert(webhooks), [_webhook_to_row(webhook)])

    def get(self, webhook_id: WebhookId) -> Webhook:
        """Raises NotFound."""
        row = self._transaction.first(select(webhooks).where(webhooks.c.id == webhook_id))
        if row is None:
            raise NotFound("no such webhook")
        return _webhook_from_row(row)

    def save(self, webhook: Webhook) -> None:
        """Write every field. Raises NotFound."""
        written = self._transaction.run(
            update(webhooks).where(webhooks.c.id == webhook.id).values(_webhook_to_row(webhook))
        )
        if not written:
            raise NotFound("no such webhook")

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[Webhook]:
        """Those due for longest, passing over what another unit of work has in its hands."""
        # A common table expression runs once; a subquery of the update may be run again and lock more than the limit.
        due = (
            select(webhooks.c.id, webhooks.c.not_before.label("due_since"))
            .where(webhooks.c.delivered_at.is_(None), webhooks.c.abandoned_at.is_(None), webhooks.c.not_before <= now)
            .order_by(webhooks.c.not_before, webhooks.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claimed = self._transaction.all(
            update(webhooks)
            .where(webhooks.c.id == due.c.id)
            .values(not_before=until)
            .returning(*webhooks.c, due.c.due_since)
        )
        return [_webhook_from_row(row) for row in sorted(claimed, key=lambda row: (row["due_since"], row["id"]))]

    def of_document(self, document_id: DocumentId) -> list[Webhook]:
        """Oldest first."""
        found = self._transaction.all(
            select(webhooks).where(webhooks.c.document_id == document_id).order_by(webhooks.c.created_at, webhooks.c.id)
        )
        return [_webhook_from_row(row) for row in found]

    def log(self, delivery: Delivery) -> None:
        """Insert. Raises IntegrityError for an unknown webhook."""
        row = {
            "webhook_id": delivery.webhook_id,
            "attempt": delivery.attempt,
            "at": delivery.at,
            "seconds": delivery.seconds,
            "status": delivery.status,
            "error": delivery.error,
        }
        self._transaction.insert(insert(webhook_deliveries), [row])

    def deliveries(self, webhook_id: WebhookId) -> list[Delivery]:
        """Oldest first."""
        found = self._transaction.all(
            select(webhook_deliveries)
            .where(webhook_deliveries.c.webhook_id == webhook_id)
            .order_by(webhook_deliveries.c.at, webhook_deliveries.c.id)
        )
        return [_delivery_from_row(row) for row in found]

    def forget_before(self, moment: datetime) -> int:
        """Tries go with their webhooks."""
        ended = func.coalesce(webhooks.c.delivered_at, webhooks.c.abandoned_at) < moment
        old = select(webhooks.c.id).where(ended)
        self._transaction.run(delete(webhook_deliveries).where(webhook_deliveries.c.webhook_id.in_(old)))
        return self._transaction.run(delete(webhooks).where(ended))


def _webhook_to_row(webhook: Webhook) -> Row:
    return {
        "id": webhook.id,
        "document_id": webhook.document_id,
        "client_id": webhook.client_id,
        "event": webhook.event.value,
        "created_at": webhook.created_at,
        "not_before": webhook.not_before,
        "attempts": webhook.attempts,
        "delivered_at": webhook.delivered_at,
        "abandoned_at": webhook.abandoned_at,
    }


def _webhook_from_row(row: RowMapping) -> Webhook:
    return Webhook(
        id=WebhookId(row["id"]),
        document_id=DocumentId(row["document_id"]),
        client_id=ClientId(row["client_id"]),
        event=WebhookEvent(row["event"]),
        created_at=utc(row["created_at"]),
        not_before=utc(row["not_before"]),
        attempts=row["attempts"],
        delivered_at=utc_or_none(row["delivered_at"]),
        abandoned_at=utc_or_none(row["abandoned_at"]),
    )


def _delivery_from_row(row: RowMapping) -> Delivery:
    return Delivery(
        webhook_id=WebhookId(row["webhook_id"]),
        attempt=row["attempt"],
        at=utc(row["at"]),
        seconds=row["seconds"],
        status=row["status"],
        error=row["error"],
    )
