"""A prefix of a real S3 server as what a bulk run is made from; objects not as listed; a server that throttles."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ocr_pipeline.adapters.objects.s3_bulk import S3FileSource, S3List
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import Conflict, ObjectMissing, Refused, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMES = {"2026/홍길동 (1).pdf", "a.png", "b+c%20d.tif"}


@pytest.fixture
def bucket(s3_client: S3Client) -> str:
    bucket = f"bulk-{uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    for name in NAMES:
        s3_client.put_object(Bucket=bucket, Key=f"scans/{name}", Body=name.encode())
    s3_client.put_object(Bucket=bucket, Key="scans-old/z.png", Body=b"old")
    return bucket


@pytest.mark.services
@pytest.mark.parametrize("prefix", ["scans", "scans/"])
def test_a_prefix_is_listed_and_read_by_names_below_it(s3_client: S3Client, bucket: str, prefix: str) -> None:
    listed = list(S3List(s3_client, bucket, prefix, DocumentKind.CHART).files())
    source = S3FileSource(s3_client, bucket, prefix)
    assert {row.name for row in listed} == NAMES
    assert {row.kind for row in listed} == {DocumentKind.CHART}
    for row in listed:
        assert source.read(row.name, row.version, 1000) == row.name.encode()
        assert source.read(row.name, None, 1000) == row.name.encode()


@pytest.mark.services
def test_what_is_not_as_it_was_listed_is_told(s3_client: S3Client, bucket: str) -> None:
    row = next(row for row in S3List(s3_client, bucket, "scans").files() if row.name.startswith("2026"))
    source = S3FileSource(s3_client, bucket, "scans")
    with pytest.raises(Refused) as refused:
        source.read(row.name, row.version, 3)
    assert refused.value.reason == "too_large"
    s3_client.put_object(Bucket=bucket, Key=f"scans/{row.name}", Body=b"another")
    with pytest.raises(Conflict) as replaced:
        source.read(row.name, row.version, 1000)
    s3_client.delete_object(Bucket=bucket, Key=f"scans/{row.name}")
    with pytest.raises(ObjectMissing) as missing:
        source.read(row.name, None, 1000)
    for caught in (refused, replaced, missing):
        assert "홍길동" not in "".join(traceback.format_exception(caught.value))


class Throttling(BaseHTTPRequestHandler):
    """Asks everybody to slow down."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
        self.send_response(503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def throttled() -> Iterator[S3Client]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Throttling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        client = S3Endpoint(url, "us-east-1", "key", "secret", path_style=True, attempts=2).client()
        yield client
        client.close()
        server.shutdown()


def test_a_server_that_throttles_is_unavailable_for_a_while(throttled: S3Client) -> None:
    name = f"{uuid4().hex}.pdf"
    with pytest.raises(StoreUnavailable) as caught:
        S3FileSource(throttled, "bucket", "scans").read(name, None, 1000)
    assert caught.value.retryable
    assert name not in "".join(traceback.format_exception(caught.value))
    assert Throttling.asked == 2
    with pytest.raises(StoreUnavailable):
        list(S3List(throttled, "bucket", "scans").files())
