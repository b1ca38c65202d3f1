"""`ocr-pipeline triggers` on real services: whatever befalls the notifications, each object becomes one document."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, text

from ocr_pipeline.adapters.events.sqs import SqsEndpoint
from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.bootstrap import application
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.access import Changes, ManageClients
from ocr_pipeline.settings import Settings
from tests.e2e.cli_harness import PROGRAM
from tests.trigger_fixtures import PNG, REGION, new_bucket, notification, record, send_all, sqs_endpoint, waiting
from tests.waiting import until
from tests.worker_harness import ROOT

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["sqs_endpoint"]

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(2400)]

UPLOADS = 500
LOST = 60
REPLACED = 40
QUEUES = 6
"""The stand-in takes longer for each message the more of them wait in a queue."""

PATIENCE = 1000.0
POISON = ["no json at all", '{"Records": {}}', '{"hello": "world"}', '{"Records": [' + "[" * 100_000]


@pytest.fixture
def environment(tmp_path: Path, object_server: S3Endpoint, postgres_url: URL, broker_url: str) -> dict[str, str]:
    keys = tmp_path / "keys.json"
    LocalFileKeyProvider.create(keys)
    return {
        "OCR_PIPELINE_DATA_DIR": str(tmp_path / "data"),
        "OCR_PIPELINE_KEYS__PATH": str(keys),
        "OCR_PIPELINE_BROKER__URL": broker_url,
        "OCR_PIPELINE_DATABASE__URL": postgres_url.render_as_string(hide_password=False),
        "OCR_PIPELINE_STORAGE__ENDPOINT_URL": str(object_server.endpoint_url),
        "OCR_PIPELINE_STORAGE__ACCESS_KEY": str(object_server.access_key),
        "OCR_PIPELINE_STORAGE__SECRET_KEY": str(object_server.secret_key),
        "OCR_PIPELINE_TRIGGERS__WAIT_SECONDS": "1",
        "OCR_PIPELINE_TRIGGERS__AT_ONCE": "3",
        "OCR_PIPELINE_TRIGGERS__LISTER__INTERVAL_MINUTES": "0.05",
        "OCR_PIPELINE_TRIGGERS__LISTER__GRACE_SECONDS": "0",
    }


@pytest.fixture
def bucket(object_server: S3Endpoint) -> Iterator[str]:
    with new_bucket(object_server) as name:
        yield name


@contextmanager
def running(log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [PROGRAM, "triggers"], cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def make_client(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with monkeypatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        with application(Settings()) as app:
            ManageClients(app.records, app.clock).create(ClientId(name), Changes())


# Asking more often would slow the SQS stand-in down.
wait_for = partial(until, seconds=PATIENCE, every=0.5)


def upload(client: S3Client, bucket: str, number: int) -> str:
    """An object that nobody ever saw; some are replaced once, so that their first event tells of what is gone."""
    key = f"in/ward {number % 7}/환자+{number}.png"
    body = PNG + f"page {number}".encode()
    first = client.put_object(Bucket=bucket, Key=key, Body=b"GIF89a" if number < REPLACED else body)
    events = [record(bucket, key, size=len(body), eTag=first["ETag"].strip('"'), sequencer=f"{number * 2 + 1:X}")]
    if number < REPLACED:
        second = client.put_object(Bucket=bucket, Key=key, Body=body)
        events.insert(
            0,
            record(bucket, key, size=len(body), eTag=second["ETag"].strip('"'), sequencer=f"00{number * 2 + 2:X}"),
        )
    return notification(*events)


def test_lost_doubled_and_reordered_notifications_make_one_document_an_object(
    tmp_path: Path,
    environment: dict[str, str],
    object_server: S3Endpoint,
    bucket: str,
    sqs_endpoint: SqsEndpoint,
    postgres_url: URL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3, sqs = object_server.client(), sqs_endpoint.client()
    queues = [sqs.create_queue(QueueName=f"events-{uuid4().hex}")["QueueUrl"] for _ in range(QUEUES)]
    known = {"endpoint_url": sqs_endpoint.endpoint_url, "region": REGION, "access_key": "key", "secret_key": "secret"}
    source = json.dumps(
        [
            {"kind": "sqs", "name": f"uploads-{number}", "queue_url": url, "visibility_seconds": 10, **known}
            for number, url in enumerate(queues)
        ]
    )
    rule = f'[{{"bucket":"{bucket}","prefix":"in/","suffixes":[".PNG"],"client":"clinic","type":"chart"}}]'
    environment |= {"OCR_PIPELINE_TRIGGERS__SOURCES": source, "OCR_PIPELINE_TRIGGERS__RULES": rule}
    make_client(environment, monkeypatch, "clinic")

    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda number: upload(s3, bucket, number), range(UPLOADS)))
    s3.put_object(Bucket=bucket, Key="elsewhere/1.png", Body=PNG)
    s3.put_object(Bucket=bucket, Key="in/", Body=b"")
    chance = random.Random(5)
    sent = chance.sample(told, UPLOADS - LOST)
    sent += [*chance.sample(sent, 250), *POISON, '{"Service":"Amazon S3","Event":"s3:TestEvent"}']
    sent += [notification(record(bucket, "in/ward 1/gone.png", name="ObjectRemoved:Delete", sequencer="1"))]
    chance.shuffle(sent)
    for number, url in enumerate(queues):
        send_all(sqs, url, sent[number::QUEUES])

    engine = create_engine(postgres_url)

    def count(table: str, where: str = "true") -> int:
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one())  # noqa: S608

    def finished() -> float:
        with engine.connect() as connection:
            return float(
                connection.execute(text("SELECT extract(epoch FROM max(finished_at)) FROM listings")).scalar() or 0
            )

    with (
        running(tmp_path / "one.log", environment) as one,
        running(tmp_path / "two.log", environment),
    ):
        wait_for(lambda: count("documents") >= 100, "the first documents")
        one.kill()
        one.wait(PATIENCE)
        with running(tmp_path / "three.log", environment):
            wait_for(
                lambda: count("documents") >= UPLOADS and not any(waiting(sqs, url) for url in queues), "every document"
            )
            before = finished()
            wait_for(lambda: finished() > before, "a whole pass of the listing")
    with engine.connect() as connection:
        distinct = connection.execute(text("SELECT count(DISTINCT document_id) FROM source_objects")).scalar_one()
    assert count("documents") == UPLOADS
    assert (count("source_objects"), distinct) == (UPLOADS, UPLOADS)
    assert count("held_events", "reason IS NOT NULL") == len(POISON)
    logs = "".join((tmp_path / name).read_text() for name in ("one.log", "two.log", "three.log"))
    assert "Traceback" not in logs
    assert "환자" not in logs
    engine.dispose()
    s3.close()
    sqs.close()
