"""Real services for tests: those of `make services` when the environment names them, else private ones.

A service that this machine cannot start skips the test with the reason, or fails it where OCR_TEST_REQUIRE_SERVICES=1
says that everything must be there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest
from amqp.exceptions import NotFound
from kombu import Connection
from sqlalchemy import URL

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.queues.topology import BULK, DEAD, MAINTENANCE, WORK_QUEUES
from ocr_pipeline.settings import Settings
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
        for name in (*WORK_QUEUES, MAINTENANCE, BULK, DEAD):
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
def lasting_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRabbitMq]:
    """A broker that tests of the whole session break; use `broker`, which mends it."""
    broker = private_broker(tmp_path_factory.mktemp("breakable-rabbitmq"))
    yield broker
    broker.remove()


@pytest.fixture
def broker(lasting_broker: PrivateRabbitMq) -> PrivateRabbitMq:
    """A running broker without messages that the test may stop, kill and start again."""
    if not lasting_broker.running():
        lasting_broker.start()
    empty(lasting_broker.url)
    return lasting_broker


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


@pytest.fixture
def common(tmp_path: Path, object_server: S3Endpoint) -> dict[str, str]:
    """The settings that every process of a distributed pipeline may know, the recognition workers among them."""
    keys = tmp_path / "keys.json"
    LocalFileKeyProvider.create(keys)
    return {
        "OCR_PIPELINE_DATA_DIR": str(tmp_path / "data"),
        "OCR_PIPELINE_KEYS__PATH": str(keys),
        "OCR_PIPELINE_STORAGE__KIND": "s3",
        "OCR_PIPELINE_STORAGE__BUCKET": f"test-{uuid4().hex}",
        "OCR_PIPELINE_STORAGE__CREATE_BUCKET": "true",
        "OCR_PIPELINE_STORAGE__ENDPOINT_URL": str(object_server.endpoint_url),
        "OCR_PIPELINE_STORAGE__ACCESS_KEY": str(object_server.access_key),
        "OCR_PIPELINE_STORAGE__SECRET_KEY": str(object_server.secret_key),
        "OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "2",
    }


@pytest.fixture
def database(postgres_url: URL) -> dict[str, str]:
    """The settings that all but the recognition workers may know besides."""
    return {"OCR_PIPELINE_DATABASE__URL": postgres_url.render_as_string(hide_password=False)}


def settings_of(monkeypatch: pytest.MonkeyPatch, *environments: dict[str, str]) -> Settings:
    """The settings of a process that is started with these environments."""
    with monkeypatch.context() as patch:
        for environment in environments:
            for name, value in environment.items():
                patch.setenv(name, value)
        return Settings()
