"""What the front door writes to the records comes back as it was: clients, keys, webhooks and tries."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_pipeline.domain.clients import Client
from ocr_pipeline.domain.ids import ClientId, KeyId, WebhookId
from ocr_pipeline.ports.idempotency import Remembered
from ocr_pipeline.ports.known_pages import KnownPage
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import new_document, new_page, put
from tests.properties import strategies

# All examples write to one database, each its own rows.
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=50)


@quick
@given(data=st.data(), added=strategies.clients, changed=strategies.clients)
def test_clients_and_keys_come_back_as_they_were(
    records: Records, data: st.DataObject, added: Client, changed: Client
) -> None:
    name = ClientId(f"{added.id} {uuid4()}")
    added, changed = replace(added, id=name), replace(changed, id=name)
    key, changed_key = (replace(data.draw(strategies.keys_of(name)), id=KeyId(name)) for _ in range(2))
    with records() as work:
        work.clients.add(added)
        work.clients.add_key(key)
        work.commit()
    with records() as work:
        assert work.clients.get(name) == added
        assert work.clients.keys_of(name) == [key]
        work.clients.save(changed)
        work.clients.save_key(changed_key)
        work.commit()
    with records() as work:
        assert work.clients.get(name) == changed
        assert work.clients.key(key.id) == changed_key


@quick
@given(data=st.data())
def test_webhooks_and_tries_come_back_as_they_were(records: Records, data: st.DataObject) -> None:
    document, webhook_id = new_document(), WebhookId(uuid4())
    put(records, document)
    added, changed = (replace(data.draw(strategies.webhooks_of(document.id)), id=webhook_id) for _ in range(2))
    tries = data.draw(st.lists(strategies.deliveries_of(webhook_id), max_size=3))
    with records() as work:
        work.webhooks.add(added)
        for delivery in tries:
            work.webhooks.log(delivery)
        work.commit()
    with records() as work:
        assert work.webhooks.get(webhook_id) == added
        work.webhooks.save(changed)
        work.commit()
    with records() as work:
        assert work.webhooks.of_document(document.id) == [changed]
        assert work.webhooks.deliveries(webhook_id) == sorted(tries, key=attrgetter("at"))


@quick
@given(
    key=strategies.names,
    digest=st.binary(min_size=32, max_size=32),
    configuration=strategies.names,
    at=strategies.times,
)
def test_what_is_remembered_comes_back_as_it_was(
    records: Records, key: str, digest: bytes, configuration: str, at: datetime
) -> None:
    document = new_document()
    page = new_page(document)
    client_id = ClientId(f"clinic {uuid4()}")
    put(records, document, page)
    request = Remembered(client_id, key, digest, document.id, at)
    with records() as work:
        work.idempotency.remember(request)
        work.known_pages.add(KnownPage(client_id, digest, configuration, page.ref, at))
        work.commit()
    with records() as work:
        assert work.idempotency.find(client_id, key) == request
        assert work.known_pages.find(client_id, digest, configuration) == page.ref
