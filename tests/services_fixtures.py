"""Real services for tests: those of `make services` when the environment names them, else private ones.

A service that this machine cannot start skips the test with the reason, or fails it where OCR_TEST_REQUIRE_SERVICES=1
says that everything must be there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from amqp.exceptions import NotFound
from kombu import Connection

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.queues.topology import DEAD, MAINTENANCE, WORK_QUEUES
from tools.private_rabbitmq import PACKAGE_HINT, PrivateRabbitMq, available
from tools.private_seaweed import SeaweedError, SeaweedServer


def lacking(reason: str) -> NoReturn:
    """Skip the test, or fail it where services are required."""
    if os.environ.get("OCR_TEST_REQUIRE_SERVICES") == "1":
        pytest.fail(f"a required service is missing: {reason}", pytrace=False)
    pytest.skip(reason)


def private_broker(directory: Path) -> PrivateRabbitMq:
    """A started broker of the test's own, for tests that stop, kill or restart it."""
    if not available():
        lacking(PACKAGE_HINT)
    broker = PrivateRabbitMq(directory)
    broker.start()
    return broker


def wipe(url: str) -> None:
    """Delete every queue of the pipeline from a broker."""
    _each_queue(url, "queue_delete")


def empty(url: str) -> None:
    """Take every message out of the pipeline's queues.

    RabbitMQ 3.10 may not bring back a quorum queue that was deleted and made anew minutes before a power cut, so a test
    that kills its broker empties the queues and leaves them in place.
    """
    _each_queue(url, "queue_purge")


def _each_queue(url: str, action: str) -> None:
    with Connection(url) as connection:
        for name in (*WORK_QUEUES, MAINTENANCE, DEAD):
            channel = connection.channel()
            try:
                getattr(channel, action)(name)
            except NotFound:
                continue
            channel.close()


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a broker that the whole session shares; use `broker_url`, which empties it."""
    given = os.environ.get("OCR_TEST_AMQP_URL")
    if given:
        yield given
        return
    broker = private_broker(tmp_path_factory.mktemp("rabbitmq"))
    yield broker.url
    broker.remove()


@pytest.fixture
def broker_url(shared_broker: str) -> str:
    """The URL of a running broker without any queue of the pipeline."""
    wipe(shared_broker)
    return shared_broker


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Endpoint]:
    """The S3 server of the session; each test uses a bucket of its own."""
    url = os.environ.get("OCR_TEST_S3_URL")
    if url:
        access, secret = os.environ["OCR_TEST_S3_ACCESS_KEY"], os.environ["OCR_TEST_S3_SECRET_KEY"]
        yield S3Endpoint(endpoint_url=url, region="us-east-1", access_key=access, secret_key=secret, path_style=True)
        return
    server = SeaweedServer(tmp_path_factory.mktemp("object-server") / "data")
    try:
        server.start()
    except SeaweedError as error:
        lacking(str(error))
    try:
        yield server.endpoint
    finally:
        server.kill()
