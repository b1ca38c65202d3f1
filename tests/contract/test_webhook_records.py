"""What every implementation of the records promises of webhooks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.ids import WebhookId
from ocr_pipeline.domain.webhooks import Delivery, Webhook, WebhookEvent
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON, OpenRecords, new_document, new_document_id, put
from tests.waiting import PATIENCE

MINUTE = timedelta(minutes=1)
LATER = NOON + 10 * MINUTE


@pytest.fixture
def document(records: Records) -> Document:
    """A document whose client is told of it."""
    made = new_document()
    put(records, made)
    return made


def new_webhook(document: Document, *, minutes: int = 0) -> Webhook:
    """A webhook that may be sent from some minutes after noon."""
    return Webhook(
        id=WebhookId(new_document_id()),
        document_id=document.id,
        client_id=document.client_id,
        event=WebhookEvent.COMPLETED,
        created_at=NOON,
        not_before=NOON + minutes * MINUTE,
    )


def add(records: Records, *webhooks: Webhook) -> None:
    with records() as work:
        for webhook in webhooks:
            work.webhooks.add(webhook)
        work.commit()


# Rows


def test_a_webhook_is_added_once(records: Records, document: Document) -> None:
    webhook = new_webhook(document)
    add(records, webhook)
    with records() as work:
        with pytest.raises(Conflict):
            work.webhooks.add(replace(webhook, attempts=1))
        assert work.webhooks.get(webhook.id) == webhook


def test_a_webhook_is_nothing_without_its_document(records: Records) -> None:
    document = new_document()
    webhook = new_webhook(document)
    with records() as work:
        work.documents.add(document)
        work.webhooks.add(webhook)
    with records() as work:
        with pytest.raises(NotFound):
            work.webhooks.get(webhook.id)
        with pytest.raises(IntegrityError):
            work.webhooks.add(webhook)


@pytest.mark.parametrize("event", WebhookEvent)
def test_a_webhook_is_changed_whole(records: Records, document: Document, event: WebhookEvent) -> None:
    webhook = new_webhook(document)
    add(records, webhook)
    changed = replace(
        webhook,
        event=event,
        created_at=NOON - MINUTE,
        not_before=NOON + MINUTE,
        attempts=3,
        delivered_at=NOON + 2 * MINUTE,
        abandoned_at=NOON + 3 * MINUTE,
    )
    with records() as work:
        work.webhooks.save(changed)
        work.commit()
    with records() as work:
        assert work.webhooks.get(webhook.id) == changed
        with pytest.raises(NotFound):
            work.webhooks.save(new_webhook(document))


def test_webhooks_of_a_document_come_oldest_first(records: Records, document: Document) -> None:
    other = new_document()
    put(records, other)
    late, early = replace(new_webhook(document), created_at=LATER), new_webhook(document)
    add(records, late, new_webhook(other), early)
    with records() as work:
        assert work.webhooks.of_document(document.id) == [early, late]
        assert work.webhooks.of_document(new_document_id()) == []


# Claims


def test_what_is_due_is_claimed_and_put_off(records: Records, document: Document) -> None:
    due, early = new_webhook(document), new_webhook(document, minutes=1)
    add(records, early, due)
    with records() as work:
        claimed = work.webhooks.claim(now=NOON, until=LATER, limit=10)
        assert claimed == [replace(due, not_before=LATER)]
        assert work.webhooks.claim(now=NOON, until=LATER, limit=10) == []
        work.commit()
    with records() as work:
        assert work.webhooks.get(due.id) == claimed[0]
        assert work.webhooks.get(early.id) == early
        again = LATER + MINUTE
        assert work.webhooks.claim(now=LATER, until=again, limit=10) == [
            replace(early, not_before=again),
            replace(due, not_before=again),
        ]


def test_a_claim_is_given_back_without_commit(records: Records, document: Document) -> None:
    webhook = new_webhook(document)
    add(records, webhook)
    with records() as work:
        assert len(work.webhooks.claim(now=NOON, until=LATER, limit=10)) == 1
    with records() as work:
        assert work.webhooks.get(webhook.id) == webhook
        assert len(work.webhooks.claim(now=NOON, until=LATER, limit=10)) == 1


def test_claims_come_oldest_first_and_never_more_than_asked_for(records: Records, document: Document) -> None:
    due = [new_webhook(document, minutes=minutes) for minutes in (-2, -1, -1, 0)]
    add(records, *reversed(due))
    with records() as work:
        first = work.webhooks.claim(now=NOON, until=LATER, limit=3)
        assert [webhook.id for webhook in first] == [webhook.id for webhook in due[:3]]
        assert [webhook.id for webhook in work.webhooks.claim(now=NOON, until=LATER, limit=3)] == [due[3].id]
        assert work.webhooks.claim(now=NOON, until=LATER, limit=0) == []


def test_closed_webhooks_are_not_claimed(records: Records, document: Document) -> None:
    add(
        records,
        replace(new_webhook(document), delivered_at=NOON),
        replace(new_webhook(document), abandoned_at=NOON),
    )
    with records() as work:
        assert work.webhooks.claim(now=LATER, until=LATER, limit=10) == []


def test_a_claim_passes_over_what_another_has_in_its_hands(open_records: OpenRecords) -> None:
    """It does not wait: the limit on waiting would show."""
    records = open_records(lock_timeout=0.2)
    document = new_document()
    put(records, document)
    webhooks = [new_webhook(document, minutes=minutes) for minutes in (-4, -3, -2, -1)]
    add(records, *webhooks)
    with records() as one, records() as two, records() as three:
        first = one.webhooks.claim(now=NOON, until=LATER, limit=1)
        two.webhooks.save(replace(webhooks[1], delivered_at=NOON))
        rest = three.webhooks.claim(now=NOON, until=LATER, limit=10)
        assert [webhook.id for webhook in (*first, *rest)] == [webhooks[place].id for place in (0, 2, 3)]
        for work in (one, two, three):
            work.commit()
    with records() as work:
        assert work.webhooks.claim(now=NOON, until=LATER, limit=10) == []


def test_many_who_claim_at_once_get_each_webhook_once(records: Records, document: Document) -> None:
    webhooks = [new_webhook(document) for _ in range(40)]
    add(records, *webhooks)
    together = threading.Barrier(8)

    def claim_all() -> list[WebhookId]:
        mine: list[WebhookId] = []
        together.wait(PATIENCE)
        while True:
            with records() as work:
                claimed = work.webhooks.claim(now=NOON, until=LATER, limit=3)
                work.commit()
            if not claimed:
                return mine
            mine += [webhook.id for webhook in claimed]

    with ThreadPoolExecutor(8) as pool:
        claims = [claimed.result(PATIENCE) for claimed in [pool.submit(claim_all) for _ in range(8)]]
    assert sorted(webhook_id for mine in claims for webhook_id in mine) == [webhook.id for webhook in webhooks]


# Tries


def test_every_try_is_kept_oldest_first(records: Records, document: Document) -> None:
    webhook, other = new_webhook(document), new_webhook(document)
    add(records, webhook, other)
    tries = [
        Delivery(webhook.id, 1, NOON, 0.25, error="timeout"),
        Delivery(webhook.id, 2, NOON + MINUTE, 1 / 3, status=500),
        Delivery(webhook.id, 2, NOON + MINUTE, 0.0, status=204),
    ]
    with records() as work:
        for delivery in (tries[1], tries[2], Delivery(other.id, 1, NOON, 1.0, status=200), tries[0]):
            work.webhooks.log(delivery)
        work.commit()
    with records() as work:
        assert work.webhooks.deliveries(webhook.id) == tries
        assert len(work.webhooks.deliveries(other.id)) == 1
        assert work.webhooks.deliveries(WebhookId(new_document_id())) == []


def test_a_try_belongs_to_a_known_webhook(records: Records, document: Document) -> None:
    webhook = new_webhook(document)
    with records() as work:
        with pytest.raises(IntegrityError):
            work.webhooks.log(Delivery(webhook.id, 1, NOON, 0.1, status=200))
        work.webhooks.add(webhook)
        work.webhooks.log(Delivery(webhook.id, 1, NOON, 0.1, status=200))
    with records() as work:
        assert work.webhooks.deliveries(webhook.id) == []


def test_webhooks_that_ended_long_ago_are_forgotten_with_their_tries(records: Records, document: Document) -> None:
    open_still, recent, delivered, abandoned = (new_webhook(document) for _ in range(4))
    add(
        records,
        open_still,
        replace(recent, delivered_at=NOON + MINUTE),
        replace(delivered, delivered_at=NOON - MINUTE),
        replace(abandoned, abandoned_at=NOON - MINUTE),
    )
    with records() as work:
        for webhook in (open_still, recent, delivered, abandoned):
            work.webhooks.log(Delivery(webhook.id, 1, NOON - MINUTE, 0.1, status=204))
        work.commit()
    with records() as work:
        assert work.webhooks.forget_before(NOON) == 2
        work.commit()
    with records() as work:
        assert {webhook.id for webhook in work.webhooks.of_document(document.id)} == {open_still.id, recent.id}
        assert work.webhooks.deliveries(delivered.id) == []
        assert len(work.webhooks.deliveries(recent.id)) == 1
        assert work.webhooks.forget_before(NOON) == 0
