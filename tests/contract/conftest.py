"""The S3 server that the contract tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from tools.private_seaweed import SeaweedServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Endpoint]:
    """The server that the environment names, a private one otherwise."""
    url = os.environ.get("OCR_TEST_S3_URL")
    if url is not None:
        yield S3Endpoint(
            endpoint_url=url,
            region="us-east-1",
            access_key=os.environ["OCR_TEST_S3_ACCESS_KEY"],
            secret_key=os.environ["OCR_TEST_S3_SECRET_KEY"],
            path_style=True,
        )
        return
    server = SeaweedServer(tmp_path_factory.mktemp("seaweed") / "server")
    try:
        server.start()
        yield server.endpoint
    finally:
        server.kill()


@pytest.fixture(scope="session")
def s3_client(s3_endpoint: S3Endpoint) -> Iterator[S3Client]:
    """A client of that server."""
    client = s3_endpoint.client()
    yield client
    client.close()
