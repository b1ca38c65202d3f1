"""The S3 server that the contract tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="session")
def s3_endpoint(object_server: S3Endpoint) -> S3Endpoint:
    """The S3 server of the session."""
    return object_server


@pytest.fixture(scope="session")
def s3_client(s3_endpoint: S3Endpoint) -> Iterator[S3Client]:
    """A client of that server."""
    client = s3_endpoint.client()
    yield client
    client.close()
