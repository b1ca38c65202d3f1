"""Reading input from a prefix of a real S3 server."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.objects.s3_source import S3Source, SourceObject, parse_address
from ocr_pipeline.domain.errors import ConfigurationError, Conflict, ObjectMissing, Refused, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMES = ["scans/2026/홍길동 처방전 (1).pdf", "scans/a.png", "scans/b+c%20d.tif"]
LIMIT = 20 << 20


@pytest.fixture
def bucket(s3_client: S3Client) -> str:
    bucket = f"input-{uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    for name in [*NAMES, "scans-old/z.png"]:
        s3_client.put_object(Bucket=bucket, Key=name, Body=name.encode())
    s3_client.put_object(Bucket=bucket, Key="scans/folder/", Body=b"")
    return bucket


@pytest.mark.services
@pytest.mark.parametrize("prefix", ["scans", "scans/"])
def test_a_folder_is_listed_and_fetched_without_its_neighbours(s3_client: S3Client, bucket: str, prefix: str) -> None:
    source = S3Source(s3_client, bucket, prefix)
    found = list(source.list())
    assert sorted(entry.key for entry in found) == sorted(NAMES)
    for entry in found:
        assert entry.size == len(entry.key.encode())
        assert source.fetch(entry, LIMIT) == entry.key.encode()
    assert {entry.name for entry in found} == {name.rpartition("/")[2] for name in NAMES}


@pytest.mark.services
def test_a_single_file_and_a_whole_bucket(s3_client: S3Client, bucket: str) -> None:
    assert [entry.key for entry in S3Source(s3_client, bucket, NAMES[0]).list()] == [NAMES[0]]
    assert len(list(S3Source(s3_client, bucket).list())) == 4
    assert list(S3Source(s3_client, bucket, "nothing").list()) == []


@pytest.mark.services
def test_a_file_above_the_limit_is_refused_before_it_is_read(bucket: str, s3_endpoint: S3Endpoint) -> None:
    client = s3_endpoint.client()
    source = S3Source(client, bucket, "scans/a.png")
    (found,) = source.list()
    asked: list[object] = []
    client.meta.events.register("before-send.s3", lambda request, **_: asked.append(request))
    with pytest.raises(Refused) as caught:
        source.fetch(found, found.size - 1)
    assert (caught.value.reason, caught.value.limit) == ("too_large", str(found.size - 1))
    assert asked == []
    assert source.fetch(found, found.size) == b"scans/a.png"
    assert len(asked) == 1
    source.close()


@pytest.mark.services
def test_a_file_that_changed_or_went_since_it_was_listed(s3_client: S3Client, bucket: str) -> None:
    source = S3Source(s3_client, bucket, "scans/a.png")
    (found,) = source.list()
    s3_client.put_object(Bucket=bucket, Key=found.key, Body=b"another")
    with pytest.raises(Conflict):
        source.fetch(found, LIMIT)
    s3_client.delete_object(Bucket=bucket, Key=found.key)
    with pytest.raises(ObjectMissing):
        source.fetch(found, LIMIT)


def test_no_name_reaches_a_message_a_traceback_or_a_representation() -> None:
    endpoint = S3Endpoint(
        "http://127.0.0.1:9", "us-east-1", "key", "secret", path_style=True, connect_timeout=1, attempts=1
    )
    found = SourceObject(key="Hong-Gildong.pdf", size=10, etag='"tag"')
    source = S3Source(endpoint.client(), "input", "Hong-Gildong.pdf")
    for call in (lambda: source.fetch(found, LIMIT), lambda: list(source.list())):
        with pytest.raises(StoreUnavailable) as caught:
            call()
        assert "Hong" not in "".join(traceback.format_exception(caught.value))
    assert "Hong" not in repr(found)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("s3://b", ("b", "")), ("s3://b/", ("b", "")), ("s3://b/p/q", ("b", "p/q")), ("s3://b/p/", ("b", "p/"))],
)
def test_an_address_is_taken_apart(address: str, expected: tuple[str, str]) -> None:
    assert parse_address(address) == expected


@pytest.mark.parametrize("address", ["", "s3:", "s3://", "s3:///p", "b/p", "http://b/p", "S3//b"])
def test_what_is_no_address_is_a_configuration_error(address: str) -> None:
    with pytest.raises(ConfigurationError, match="s3://bucket/prefix"):
        parse_address(address)
