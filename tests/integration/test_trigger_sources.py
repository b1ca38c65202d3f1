"""Events from a real RabbitMQ and an SQS stand-in, over HTTP from a real SeaweedFS, and an S3 server that throttles."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pymupdf
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
from tests.e2e.cli_harness import line_page
from tests.gateway_fixtures import SAID, Gateway, OpenGateway
from tests.gateway_requests import problem
from tests.trigger_fixtures import PNG, new_bucket, notification, record, sqs_endpoint
from tests.waiting import until
from tools.private_seaweed import SeaweedServer

__all__ = ["sqs_endpoint"]

pytestmark = [pytest.mark.services, pytest.mark.slow]

TOKEN = "a-token-of-no-less-than-24-characters"


# Queues


@pytest.fixture
def amqp_queue(shared_broker: str) -> Iterator[str]:
    name = f"events-{uuid4().hex}"
    yield name
    with Connection(shared_broker) as connection:
        connection.channel().queue_delete(name)


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
            opened.append(SqsEvents("queue", sqs_endpoint.client(), url, hidden=30))
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
            with Connection(broker) as connection:
                connection.Producer().publish(
                    body.encode(), routing_key=name, content_type="application/json", content_encoding="binary"
                )

    yield open_source, send
    for source in opened:
        source.close()


Queue = tuple[Callable[[], EventSource], Callable[[str], None]]


def receive(source: EventSource, count: int = 1) -> list[Letter]:
    letters: list[Letter] = []
    deadline = time.monotonic() + 30
    while len(letters) < count and time.monotonic() < deadline:
        letters += source.receive(10, 1)
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
    with Connection(shared_broker) as connection:
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
    with Connection(shared_broker) as connection:
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
    with Connection(shared_broker) as connection:
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


# The whole way


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


def documents(app: Application) -> int:
    with app.records() as uow:
        return sum(uow.counts().documents.values())


@pytest.fixture
def bucket(object_server: S3Endpoint) -> Iterator[str]:
    with new_bucket(object_server) as name:
        client = object_server.client()
        for number in range(5):
            client.put_object(Bucket=name, Key=f"in/{number}.png", Body=PNG + f"{name} {number}".encode())
        client.close()
        yield name


def test_events_of_rabbitmq_become_documents_and_poison_is_parked(
    tmp_path: Path, postgres_url: URL, object_server: S3Endpoint, shared_broker: str, amqp_queue: str, bucket: str
) -> None:
    source = {"kind": "amqp", "name": "minio", "url": shared_broker, "queue": amqp_queue}
    rules = [{"bucket": bucket, "client": "clinic"}]
    AmqpEvents("make", shared_broker, AmqpQueue(amqp_queue)).receive(1, 0)
    with Connection(shared_broker) as connection:
        for number in (3, 1, 2, 1, 0, 4, 2):
            body = notification(record(bucket, f"in/{number}.png", name="s3:ObjectCreated:Put"))
            connection.Producer().publish(body.encode(), routing_key=amqp_queue)
        connection.Producer().publish(b"poison", routing_key=amqp_queue)
    with opened(tmp_path, postgres_url, object_server, sources=[source], rules=rules) as (app, running):
        running.run_once()
        assert documents(app) == 5
        assert [event.reason for event in held_events(app).parked()] == [ParkReason.NO_JSON]
    with Connection(shared_broker) as connection:
        assert connection.channel().queue_declare(amqp_queue, passive=True).message_count == 0


# Over HTTP


def open_door(open_gateway: OpenGateway, bucket: str, server: S3Endpoint) -> Gateway:
    return open_gateway(
        storage={
            "endpoint_url": server.endpoint_url,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
        },
        triggers={
            "sources": [
                {"kind": "webhook", "name": "minio", "token": TOKEN},
                {"kind": "webhook", "name": "signed", "clients": ["clinic"]},
            ],
            "rules": [{"bucket": bucket, "prefix": "in/", "client": "clinic"}],
            "wait_seconds": 0.1,
            "lister": {"enabled": False},
        },
    )


def work(gateway: Gateway) -> None:
    with triggers(gateway.service.pipeline, TriggerMetrics(CollectorRegistry()), Event()) as running:
        running.run_once()


def held(gateway: Gateway) -> tuple[int, int]:
    with gateway.service.pipeline.records() as uow:
        return uow.held_events.counts(most=100)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_events_come_by_token_or_signature_and_forged_ones_do_not(
    open_gateway: OpenGateway, object_server: S3Endpoint, bucket: str
) -> None:
    gateway = open_door(open_gateway, bucket, object_server)
    message = notification(record(bucket, "in/1.png")).encode()
    with gateway.anybody() as nobody, gateway.client("clinic") as clinic, gateway.client("other") as other:
        for headers in ({}, bearer("wrong" * 8), bearer(TOKEN[:-1]), {"Authorization": f"Basic {TOKEN}"}):
            answer = nobody.post("/v1/events/s3/minio", content=message, headers=headers)
            assert answer.status_code == 401, headers
        assert problem(nobody.post("/v1/events/s3/signed", content=message, headers=bearer(TOKEN)))[0] == 401
        assert problem(nobody.post("/v1/events/s3/else", content=message, headers=bearer(TOKEN)))[0] == 401
        assert problem(other.post("/v1/events/s3/signed", content=message)) == (403, "forbidden")
        assert problem(clinic.post("/v1/events/s3/minio", content=message)) == (403, "forbidden")
        assert problem(clinic.post("/v1/events/s3/else", content=message)) == (404, "not_found")
        assert held(gateway) == (0, 0)
        assert nobody.post("/v1/events/s3/minio", content=message, headers=bearer(TOKEN)).status_code == 202
        assert clinic.post("/v1/events/s3/signed", content=message).status_code == 202
        assert held(gateway) == (2, 0)
    work(gateway)
    assert held(gateway) == (0, 0)
    assert documents(gateway.service.pipeline) == 1


def test_bodies_are_bounded_poison_is_parked_and_what_concerns_nobody_is_let_go(
    open_gateway: OpenGateway, object_server: S3Endpoint, bucket: str
) -> None:
    gateway = open_door(open_gateway, bucket, object_server)
    with gateway.anybody() as sender:
        sender.headers.update(bearer(TOKEN))
        assert problem(sender.post("/v1/events/s3/minio", content=b"x" * 300_000)) == (413, "too_large")
        assert sender.post("/v1/events/s3/minio", content=b'{"Event":"s3:TestEvent"}').status_code == 202
        assert held(gateway) == (0, 0)
        assert sender.post("/v1/events/s3/minio", content=b"poison").status_code == 202
        assert held(gateway) == (1, 0)
    work(gateway)
    assert held(gateway) == (0, 1)


def test_a_full_house_sends_events_away(open_gateway: OpenGateway, object_server: S3Endpoint) -> None:
    gateway = open_gateway(triggers={"sources": [{"kind": "webhook", "name": "minio", "token": TOKEN}], "max_held": 2})
    with gateway.anybody() as sender:
        sender.headers.update(bearer(TOKEN))
        answers = [sender.post("/v1/events/s3/minio", content=b"poison") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_real_filer_tells_by_webhook(open_gateway: OpenGateway, tmp_path: Path) -> None:
    server = SeaweedServer(tmp_path / "weed")
    gateway = open_door(open_gateway, "scans", server.endpoint)
    gateway.issue("clinic")
    lines = [
        "[notification.webhook]",
        "enabled = true",
        f'endpoint = "{gateway.url}/v1/events/s3/minio"',
        f'bearer_token = "{TOKEN}"',
        'path_prefixes = ["/buckets/"]',
    ]
    (tmp_path / "weed" / "notification.toml").write_text("\n".join(lines))
    try:
        server.start()
        client = server.endpoint.client()
        client.create_bucket(Bucket="scans")
        client.put_object(Bucket="scans", Key="in/환자 1+2.png", Body=PNG + b"first")
        client.put_object(Bucket="scans", Key="in/환자 1+2.png", Body=PNG + b"second")
        client.put_object(Bucket="scans", Key="in/2.png", Body=PNG + b"third")
        client.delete_object(Bucket="scans", Key="in/never.png")

        def arrived() -> bool:
            work(gateway)
            return documents(gateway.service.pipeline) >= 2

        until(arrived, "both objects")
        client.close()
    finally:
        server.kill()
    assert held(gateway)[1] == 0, "a filer says nothing that cannot be read"


def test_results_go_back_beside_what_they_came_from(
    open_gateway: OpenGateway, object_server: S3Endpoint, bucket: str
) -> None:
    gateway = open_gateway(
        storage={
            "endpoint_url": object_server.endpoint_url,
            "access_key": object_server.access_key,
            "secret_key": object_server.secret_key,
        },
        triggers={
            "rules": [{"bucket": bucket, "prefix": "results/", "client": "clinic"}],
            "wait_seconds": 0.1,
            "lister": {"interval_minutes": 0.001, "grace_seconds": 0},
            "output": {"forms": ["text", "json", "pdf"], "prefix": "results/done/", "tag": True},
        },
    )
    gateway.engine.may_read.set()
    gateway.issue("clinic")
    client = object_server.client()
    client.put_object(Bucket=bucket, Key="results/환자 1.png", Body=line_page("Ward 7"))

    def written() -> bool:
        work(gateway)
        return len(client.list_objects_v2(Bucket=bucket, Prefix="results/done/").get("Contents", [])) == 3

    until(written, "three results")
    work(gateway)
    assert documents(gateway.service.pipeline) == 1, "results are no input"
    content = {
        form: client.get_object(Bucket=bucket, Key=f"results/done/results/환자 1.png.{form}")["Body"].read()
        for form in ("txt", "json", "pdf")
    }
    assert SAID in content["txt"].decode()
    assert json.loads(content["json"])["state"] == "completed"
    with pymupdf.open("pdf", content["pdf"]) as pdf:
        assert "Amlodipine" in pdf[0].get_text()
        assert len(pdf[0].get_images()) == 1
    tags = client.get_object_tagging(Bucket=bucket, Key="results/환자 1.png")["TagSet"]
    assert tags == [{"Key": "ocr-pipeline", "Value": "completed"}]
    client.close()
