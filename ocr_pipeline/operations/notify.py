"""Sending the webhooks that are due, tried again where they fail.

A message is sent at least once. Its `webhook-id` stays the same over all tries, so that a receiver knows a repetition.
The messages of one document arrive in the order in which things happened: one that fails holds the later ones back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.webhooks import Webhook
from ocr_pipeline.operations.deliver import DeliverWebhook, Outcome, SilentReceivers
from ocr_pipeline.operations.turns import Turns
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.ports.webhooks import WebhookSender

_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Notified:
    """How many webhooks arrived, how many will be tried again, and how many never will."""

    delivered: int = 0
    failed: int = 0
    abandoned: int = 0


class SendWebhooks:
    """One sweep over the webhooks that are due. Safe to run at any time and from several places at once.

    `timeout` is the sender's: a webhook is claimed for twice as long, so that a claim outlives a try, and for as long
    a sweep takes in what falls due meanwhile. A client whose receivers do not answer keeps half of the threads busy
    at most, and each silent receiver is waited for once by each of them.
    """

    def __init__(
        self,
        records: Records,
        vault: Vault,
        sender: WebhookSender,
        clock: Clock,
        *,
        timeout: timedelta,
        batch: int = 500,
        threads: int = 8,
    ) -> None:
        self._records = records
        self._clock = clock
        self._lease = 2 * timeout
        self._batch = batch
        self._threads = threads
        self._stopping = Event()
        self._deliver = DeliverWebhook(records, vault, sender, clock, lease=self._lease)

    def __call__(self) -> Notified:
        """Try what is due, until nothing is or the time of a sweep is over; at most `batch` webhooks wait in memory.

        Raises DatabaseUnavailable, KeyUnavailable; what was claimed then is due again when its lease ends.
        """
        line = Turns[ClientId, Sequence[Webhook]](max(1, self._threads // 2))
        silent = SilentReceivers()
        end = self._clock.monotonic() + self._lease.total_seconds()
        working: set[Future[Counter[Outcome]]] = set()
        ended: set[Future[Counter[Outcome]]] = set()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="webhooks") as pool:
            while True:
                if self._clock.monotonic() < end and not self._stopping.is_set():
                    self._claim(line)
                if not working and (not line or self._stopping.is_set()):
                    break
                hands = min(self._threads - len(working), len(line))
                working |= {pool.submit(self._work, line, silent) for _ in range(hands)}
                done, working = wait(working, timeout=_LOOK_AGAIN_SECONDS)
                ended |= done
                if any(each.exception() is not None for each in done):
                    break
        outcomes = sum((each.result() for each in ended | working), Counter[Outcome]())
        return Notified(outcomes[Outcome.DELIVERED], outcomes[Outcome.FAILED], outcomes[Outcome.ABANDONED])

    def stop(self) -> None:
        """Begin nothing more: a sweep under way ends with what its threads have in hand."""
        self._stopping.set()

    def _claim(self, line: Turns[ClientId, Sequence[Webhook]]) -> None:
        """Put what is due in line, document by document."""
        room = self._batch - len(line)
        if room <= 0:
            return
        now = self._clock.now()
        with self._records() as uow:
            claimed = uow.webhooks.claim(now=now, until=now + self._lease, limit=room)
            uow.commit()
        documents: dict[DocumentId, list[Webhook]] = {}
        for webhook in claimed:
            documents.setdefault(webhook.document_id, []).append(webhook)
        for webhooks in documents.values():
            line.add(webhooks[0].client_id, sorted(webhooks, key=lambda each: (each.created_at, each.id)))

    def _work(self, line: Turns[ClientId, Sequence[Webhook]], silent: SilentReceivers) -> Counter[Outcome]:
        outcomes = Counter[Outcome]()
        while not self._stopping.is_set():
            with line.take() as webhooks:
                if webhooks is None:
                    break
                outcomes.update(self._deliver(webhook, silent) for webhook in webhooks)
        return outcomes
