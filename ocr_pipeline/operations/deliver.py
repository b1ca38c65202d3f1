"""Delivering one webhook: opened, signed, sent, and what came of it recorded.

Order and uniqueness rest on two things. A webhook that is claimed belongs to its claimer until its `not_before`; and
whoever begins or ends a try holds the document, so that the try sees how all webhooks of the document stand.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from urllib.parse import urlsplit

from ocr_pipeline.domain.clients import WebhookSecret
from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import DecryptionFailed, DeliveryFailed, KeyMissing
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.domain.webhooks import DELAYS, Delivery, Webhook, delay_after
from ocr_pipeline.operations.webhook_message import SignedMessage, sign_message
from ocr_pipeline.operations.webhook_secrets import derive_secret, usable_secrets
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Progress, Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.ports.webhooks import WebhookSender

_GONE = 410
_JITTER = 0.1


class Outcome(Enum):
    """What became of a webhook that was claimed."""

    DELIVERED = auto()
    FAILED = auto()
    ABANDONED = auto()
    PUT_OFF = auto()


@dataclass(frozen=True, slots=True)
class _Begun:
    """A try that may go ahead: the webhook with its lease made new, its document, how far that is, and who signs."""

    webhook: Webhook
    document: Document
    progress: Progress
    secrets: list[WebhookSecret]
    at: datetime


class SilentReceivers:
    """The receivers that did not answer in time, so that they are waited for no more for a while."""

    def __init__(self) -> None:
        self._hosts: set[str] = set()

    def note(self, address: str) -> None:
        """Remember one by its address."""
        self._hosts.add(urlsplit(address).netloc)

    def __contains__(self, address: str) -> bool:
        return urlsplit(address).netloc in self._hosts


class DeliverWebhook:
    """Tries one claimed webhook at a time. Safe between threads. A `lease` outlives every try."""

    def __init__(
        self, records: Records, vault: Vault, sender: WebhookSender, clock: Clock, *, lease: timedelta
    ) -> None:
        self._records = records
        self._vault = vault
        self._sender = sender
        self._clock = clock
        self._lease = lease

    def __call__(self, webhook: Webhook, silent: SilentReceivers) -> Outcome:
        """Try a webhook that was claimed, unless an earlier one of its document is still to arrive.

        Raises DatabaseUnavailable, KeyUnavailable; the webhook is then due again when its lease ends.
        """
        begun = self._begin(webhook)
        if begun is None:
            return Outcome.PUT_OFF
        try:
            address = self._address(begun.document)
        except KeyMissing:
            return self._abandon(begun, "document_erased")
        except DecryptionFailed as error:
            return self._abandon(begun, error.code)
        if address in silent:
            return self._put_off(begun)
        message = self._signed(begun)
        if not self._may_go_out(begun):
            return Outcome.PUT_OFF
        delivery = self._send(begun, address, message)
        if delivery.error == "timeout":
            silent.note(address)
        return self._record(begun, delivery)

    def _begin(self, webhook: Webhook) -> _Begun | None:
        """Make the lease new; None where it has run out, or where the webhook has to wait for its turn."""
        with self._records() as uow:
            document = uow.documents.lock(webhook.document_id)
            now = self._clock.now()
            held = uow.webhooks.get(webhook.id)
            if held != webhook or held.not_before <= now:
                return None
            earlier = _earlier(uow, webhook)
            not_before = now + self._lease if earlier is None else max(now, earlier.not_before)
            held = replace(held, not_before=not_before)
            uow.webhooks.save(held)
            progress = uow.progress([document.id])[document.id]
            secrets = usable_secrets(uow, held.client_id, now)
            uow.commit()
        return _Begun(held, document, progress, secrets, now) if earlier is None else None

    def _address(self, document: Document) -> str:
        """Where the message goes. Raises KeyMissing once the document was erased."""
        if document.callback is None:
            raise KeyMissing("the document was erased")
        place = Place(document.id, Purpose.CALLBACK)
        return self._vault.open(document.usable_key(), place, document.callback).decode()

    def _signed(self, begun: _Begun) -> SignedMessage:
        secrets = [derive_secret(self._vault, secret) for secret in begun.secrets]
        return sign_message(begun.webhook, begun.progress, secrets, at=begun.at)

    def _may_go_out(self, begun: _Begun) -> bool:
        """A last look: the key provider may have taken its time, and the document have been erased meanwhile."""
        with self._records() as uow:
            return uow.webhooks.get(begun.webhook.id) == begun.webhook

    def _send(self, begun: _Begun, address: str, message: SignedMessage) -> Delivery:
        start = self._clock.monotonic()
        status, error = None, None
        try:
            status = self._sender.send(address, message.headers, message.body)
        except DeliveryFailed as failure:
            error = failure.cause
        seconds = self._clock.monotonic() - start
        return Delivery(begun.webhook.id, begun.webhook.attempts + 1, begun.at, seconds, status, error)

    def _record(self, begun: _Begun, delivery: Delivery) -> Outcome:
        now = self._clock.now()
        tried = replace(begun.webhook, attempts=delivery.attempt)
        if delivery.succeeded:
            self._keep(begun, replace(tried, delivered_at=now), delivery)
            return Outcome.DELIVERED
        delay = delay_after(tried.attempts)
        if delay is None or delivery.status == _GONE:
            self._keep(begun, replace(tried, abandoned_at=now), delivery)
            return Outcome.ABANDONED
        self._keep(begun, replace(tried, not_before=now + delay * (1 + _jitter(tried))), delivery)
        return Outcome.FAILED

    def _abandon(self, begun: _Begun, error: str) -> Outcome:
        """Give up a webhook that can never be sent; the log says why."""
        delivery = Delivery(begun.webhook.id, begun.webhook.attempts + 1, begun.at, 0.0, error=error)
        self._keep(begun, replace(begun.webhook, abandoned_at=begun.at), delivery)
        return Outcome.ABANDONED

    def _put_off(self, begun: _Begun) -> Outcome:
        """Leave a webhook to a later sweep. That is no try: its receiver was not asked."""
        later = self._clock.now() + DELAYS[0] * (1 + _jitter(begun.webhook))
        self._keep(begun, replace(begun.webhook, not_before=later), None)
        return Outcome.PUT_OFF

    def _keep(self, begun: _Begun, webhook: Webhook, delivery: Delivery | None) -> None:
        """Log a try and what it made of the webhook.

        Should the lease have run out and somebody else have taken the webhook, only its arrival is still news.
        """
        with self._records() as uow:
            uow.documents.lock(webhook.document_id)
            kept = uow.webhooks.get(webhook.id)
            if kept == begun.webhook or (kept.is_open and webhook.delivered_at is not None):
                uow.webhooks.save(webhook)
            if delivery is not None:
                uow.webhooks.log(delivery)
            uow.commit()


def _earlier(uow: UnitOfWork, webhook: Webhook) -> Webhook | None:
    """A webhook of the same document that has to arrive, or be given up, before this one is sent."""
    for other in uow.webhooks.of_document(webhook.document_id):
        if other.id == webhook.id:
            return None
        if other.is_open:
            return other
    return None


def _jitter(webhook: Webhook) -> float:
    """From 0 to 0.1, spread over webhooks and tries: receivers that failed together are not asked together again."""
    digest = hashlib.sha256(webhook.id.bytes + webhook.attempts.to_bytes(4, "big")).digest()
    return _JITTER * int.from_bytes(digest[:4], "big") / 0xFFFF_FFFF
