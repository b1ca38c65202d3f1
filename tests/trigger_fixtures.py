"""An SQS stand-in, notifications as S3 writes them, and small objects to tell of."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer

from ocr_pipeline.adapters.events.sqs import SqsEndpoint
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.bootstrap import Application

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PNG = b"\x89PNG\r\n\x1a\n"
REGION = "us-east-1"


@contextmanager
def sqs_server() -> Iterator[SqsEndpoint]:
    """A server that speaks SQS, in this process."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield SqsEndpoint(f"http://{host}:{port}", REGION, "tester", "tester-secret")
    finally:
        server.stop()


@pytest.fixture(scope="session")
def sqs_endpoint() -> Iterator[SqsEndpoint]:
    """The SQS stand-in of the session; each test makes a queue of its own."""
    with sqs_server() as endpoint:
        yield endpoint


def send_all(client: SQSClient, queue_url: str, bodies: Sequence[str]) -> None:
    """Send messages in batches, in this order."""
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + 10])]
        client.send_message_batch(QueueUrl=queue_url, Entries=entries)  # type: ignore[arg-type]


def waiting(client: SQSClient, queue_url: str) -> int:
    """Messages in a queue, those in somebody's hands among them."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    counts = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)


def record(bucket: str, key: str, *, name: str = "ObjectCreated:Put", **told: Any) -> dict[str, Any]:
    """One record of a notification, as AWS writes it."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": "2026-11-23T10:00:00.000Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "scans",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {"key": quote_plus(key, safe="/"), **told},
        },
    }


def notification(*records: dict[str, Any]) -> str:
    """A message of S3."""
    return json.dumps({"Records": list(records)})


@contextmanager
def new_bucket(endpoint: S3Endpoint) -> Iterator[str]:
    """A bucket of a test's own, gone with its objects at the end: each one takes some of the server's volumes."""
    name, client = f"scans-{uuid4().hex[:12]}", endpoint.client()
    client.create_bucket(Bucket=name)
    try:
        yield name
    finally:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            names = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if names:
                client.delete_objects(Bucket=name, Delete={"Objects": names, "Quiet": True})  # type: ignore[typeddict-item]
        client.delete_bucket(Bucket=name)
        client.close()


@pytest.fixture
def bucket(object_server: S3Endpoint) -> Iterator[str]:
    """One with five small objects, no two alike, under `in/`."""
    with new_bucket(object_server) as name:
        client = object_server.client()
        for number in range(5):
            client.put_object(Bucket=name, Key=f"in/{number}.png", Body=PNG + f"{name} {number}".encode())
        client.close()
        yield name


def documents(app: Application) -> int:
    """How many there are."""
    with app.records() as uow:
        return sum(uow.counts().documents.values())
