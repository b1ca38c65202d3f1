"""Events from a real RabbitMQ and an SQS stand-in: what is taken, put back and parked, and the way to documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from kombu import Connection
from prometheus_client import CollectorRegistry
from sqlalchemy import URL

from ocr_pipeline.adapters.events.amqp import AmqpEvents, AmqpQueue
from ocr_pipeline.adapters.events.sqs import SqsEndpoint, SqsEvents
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.bootstrap.held_events import held_events
from ocr_pipeline.bootstrap.trigger_metrics import TriggerMetrics
from ocr_pipeline.bootstrap.triggers import Triggers, triggers
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.triggers import ParkReason
from ocr_pipeline.operations.access import Changes, ManageClients
from ocr_pipeline.ports.events import EventSource, Letter
from ocr_pipeline.settings import Settings
from tests.trigger_fixtures import bucket, documents, notification, record, sqs_endpoint
from tests.waiting import PATIENCE, until

__all__ = ["bucket", "sqs_endpoint"]

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture
def amqp_queue(shared_broker: str) -> Iterator[str]:
    name = f"events-{uuid4().hex}"
    yield name
    with Connection(shared_broker) as connection:
        connection.channel().queue_delete(name)


def confirming(broker: str) -> Connection:
    """A connection whose messages are in their queues once they are published."""
    return Connection(broker, transport_options={"confirm_publish": True})


@pytest.fixture(params=["amqp", "sqs"])
def queue(
    request: pytest.FixtureRequest, sqs_endpoint: SqsEndpoint
) -> Iterator[tuple[Callable[[], EventSource], Callable[[str], None]]]:
    """Opens a source, and sends to it."""
    opened: list[EventSource] = []
    if request.param == "sqs":
        client = sqs_endpoint.client()
        url = client.create_queue(QueueName=f"events-{uuid4().hex}")["QueueUrl"]

        def open_source() -> EventSource:
            opened.append(SqsEvents("queue", sqs_endpoint.client(), url, hidden=int(PATIENCE)))
            return opened[-1]

        def send(body: str) -> None:
            client.send_message(QueueUrl=url, MessageBody=body)
    else:
        broker, name = request.getfixturevalue("shared_broker"), request.getfixturevalue("amqp_queue")

        def open_source() -> EventSource:
            opened.append(AmqpEvents("queue", broker, AmqpQueue(name), at_once=4))
            opened[-1].receive(1, 0)
            return opened[-1]

        def send(body: str) -> None:
            with confirming(broker) as connection:
                connection.Producer().publish(
                    body.encode(), routing_key=name, content_type="application/json", content_encoding="binary"
                )

    yield open_source, send
    for source in opened:
        source.close()


Queue = tuple[Callable[[], EventSource], Callable[[str], None]]


def receive(source: EventSource, count: int = 1) -> list[Letter]:
    letters: list[Letter] = []

    def all_there() -> bool:
        letters.extend(source.receive(10, 1))
        return len(letters) >= count

    until(all_there, f"{count} letters")
    assert len(letters) == count
    return letters


def test_what_is_done_never_comes_again(queue: Queue) -> None:
    open_source, send = queue
    source = open_source()
    for number in range(3):
        send(json.dumps({"number": number}))
    letters = receive(source, 3)
    assert sorted(letter.body for letter in letters) == [b'{"number": %d}' % number for number in range(3)]
    source.keep(letters)
    source.done(letters)
    source.close()
    assert open_source().receive(10, 1) == []


def test_what_is_put_back_comes_again_with_its_count(queue: Queue) -> None:
    open_source, send = queue
    source = open_source()
    send("{}")
    (letter,) = receive(source)
    assert letter.attempt == 1
    source.put_back(letter, 0)
    (again,) = receive(source)
    assert (again.attempt, again.body) == (2, letter.body)
    source.done([again])


def test_nothing_comes_where_nothing_is(queue: Queue) -> None:
    open_source, _ = queue
    assert open_source().receive(10, 0) == []


def test_a_consumer_that_ends_gives_everything_back(shared_broker: str, amqp_queue: str) -> None:
    first = AmqpEvents("minio", shared_broker, AmqpQueue(amqp_queue), at_once=3)
    first.receive(1, 0)
    with confirming(shared_broker) as connection:
        for number in range(5):
            connection.Producer().publish(b"%d" % number, routing_key=amqp_queue)
    letters = receive(first, 3)
    assert first.receive(9, 0.2) == [], "no more is taken than is worked on"
    first.put_back(letters[0], 600)
    first.close()
    with pytest.raises(QueueUnavailable):
        first.done(letters[1:])
    second = AmqpEvents("minio", shared_broker, AmqpQueue(amqp_queue), at_once=9)
    assert {letter.body for letter in receive(second, 5)} == {b"0", b"1", b"2", b"3", b"4"}
    second.close()


def test_what_a_sender_writes_around_a_message_stops_no_other(shared_broker: str, amqp_queue: str) -> None:
    source = AmqpEvents("minio", shared_broker, AmqpQueue(amqp_queue), at_once=20)
    source.receive(1, 0)
    forged: list[dict[str, Any]] = [
        *({"headers": {"x-delivery-count": count}} for count in ("many", "", {"$gt": 1}, [1], -7, True, 2**60)),
        {"headers": {"compression": "zlib"}},
        {"headers": {"compression": "no such"}},
        {"content_type": "application/x-python-serialize", "content_encoding": "binary"},
        *({"content_encoding": name} for name in ("utf-16", "utf-7", "rot13", "no such", "")),
        {"body": b""},
    ]
    with confirming(shared_broker) as connection:
        channel = connection.channel()
        for properties in forged:
            told = {"body": b"+2AA-", "headers": {}, **properties}
            channel.basic_publish(channel.prepare_message(**told), exchange="", routing_key=amqp_queue)
        channel.basic_publish(channel.prepare_message(b"last"), exchange="", routing_key=amqp_queue)
    letters = receive(source, len(forged) + 1)
    assert [letter.body for letter in letters] == [b"+2AA-"] * (len(forged) - 1) + [b"", b"last"]
    assert {letter.attempt for letter in letters} == {1}
    source.done(letters)
    source.close()


def test_a_queue_is_bound_to_the_exchange_that_a_sender_names(shared_broker: str, amqp_queue: str) -> None:
    exchange = f"minio-{uuid4().hex}"
    with confirming(shared_broker) as connection:
        channel = connection.channel()
        channel.exchange_declare(exchange, "direct", durable=False, auto_delete=True)
        source = AmqpEvents("minio", shared_broker, AmqpQueue(amqp_queue, exchange, "scans"))
        source.receive(1, 0)
        connection.Producer(channel).publish(b"{}", exchange=exchange, routing_key="scans")
        source.done(receive(source))
        source.close()


def test_silent_queues_are_said(tmp_path: Path) -> None:
    endpoint = SqsEndpoint("http://127.0.0.1:9", "us-east-1", "key", "secret")
    for source in (
        SqsEvents("sqs", endpoint.client(), "http://127.0.0.1:9/1/q"),
        AmqpEvents("amqp", "amqp://127.0.0.1:9//", AmqpQueue("q"), timeout=1),
    ):
        with pytest.raises(QueueUnavailable):
            source.receive(1, 0)
        source.close()


@contextmanager
def opened(folder: Path, url: URL, server: S3Endpoint, **wanted: object) -> Iterator[tuple[Application, Triggers]]:
    settings = Settings(
        data_dir=folder,
        database={"url": url.render_as_string(hide_password=False)},
        storage={
            "endpoint_url": server.endpoint_url,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
        },
        triggers={"wait_seconds": 0.2, "lister": {"enabled": False}, **wanted},
    )
    with application(settings) as app, triggers(app, TriggerMetrics(CollectorRegistry()), Event()) as running:
        ManageClients(app.records, app.clock).create(ClientId("clinic"), Changes())
        yield app, running


def test_events_of_rabbitmq_become_documents_and_poison_is_parked(
    tmp_path: Path, postgres_url: URL, object_server: S3Endpoint, shared_broker: str, amqp_queue: str, bucket: str
) -> None:
    source = {"kind": "amqp", "name": "minio", "url": shared_broker, "queue": amqp_queue}
    rules = [{"bucket": bucket, "client": "clinic"}]
    AmqpEvents("make", shared_broker, AmqpQueue(amqp_queue)).receive(1, 0)
    with confirming(shared_broker) as connection:
        for number in (3, 1, 2, 1, 0, 4, 2):
            body = notification(record(bucket, f"in/{number}.png", name="s3:ObjectCreated:Put"))
            connection.Producer().publish(body.encode(), routing_key=amqp_queue)
        connection.Producer().publish(b"poison", routing_key=amqp_queue)
    with opened(tmp_path, postgres_url, object_server, sources=[source], rules=rules) as (app, running):

        def all_taken() -> bool:
            # The last of them is the poison; a broker may be later than a source waits.
            running.run_once()
            return bool(held_events(app).parked())

        until(all_taken, "the poison parked")
        assert documents(app) == 5
        assert [event.reason for event in held_events(app).parked()] == [ParkReason.NO_JSON]
    with confirming(shared_broker) as connection:
        assert connection.channel().queue_declare(amqp_queue, passive=True).message_count == 0
