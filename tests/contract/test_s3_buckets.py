"""Buckets of others on a real S3 server: looked at, read exactly, listed, written to and tagged."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from ocr_pipeline.adapters.objects.s3_buckets import S3Buckets
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.domain.errors import Conflict, ObjectMissing, StoreUnavailable
from ocr_pipeline.ports.buckets import ObjectFacts
from tests.trigger_fixtures import new_bucket

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "in/환자 1+2.png"


@pytest.fixture(scope="module")
def bucket(s3_endpoint: S3Endpoint) -> Iterator[str]:
    with new_bucket(s3_endpoint) as name:
        yield name


@pytest.fixture
def buckets(s3_client: S3Client) -> S3Buckets:
    return S3Buckets(s3_client)


def content(buckets: S3Buckets, bucket: str, facts: ObjectFacts) -> bytes:
    with buckets.reading(bucket, facts) as chunks:
        return b"".join(chunks)


def test_an_object_is_looked_at_and_read(buckets: S3Buckets, bucket: str) -> None:
    body = bytes(range(256)) * 4096
    buckets.put(bucket, KEY, body, "image/png")
    facts = buckets.facts(bucket, KEY)
    assert (facts.key, facts.size, facts.version) == (KEY, len(body), None)
    assert '"' not in facts.etag
    assert facts.modified_at.tzinfo is not None
    assert content(buckets, bucket, facts) == body
    assert "환자" not in repr(facts)


def test_what_was_replaced_is_not_read_for_what_it_was(buckets: S3Buckets, bucket: str) -> None:
    buckets.put(bucket, KEY, b"old", "image/png")
    facts = buckets.facts(bucket, KEY)
    buckets.put(bucket, KEY, b"new", "image/png")
    with pytest.raises(Conflict):
        content(buckets, bucket, facts)
    assert content(buckets, bucket, buckets.facts(bucket, KEY)) == b"new"


def test_what_is_not_there_is_missing(buckets: S3Buckets, bucket: str) -> None:
    buckets.put(bucket, KEY, b"here", "image/png")
    facts = buckets.facts(bucket, KEY)
    with pytest.raises(ObjectMissing):
        buckets.facts(bucket, "in/no.png")
    with pytest.raises(ObjectMissing):
        content(buckets, bucket, ObjectFacts("in/no.png", facts.etag, 1, facts.modified_at))
    with pytest.raises(ObjectMissing):
        buckets.tag(bucket, "in/no.png", None, {"a": "b"})


def test_a_version_is_read_as_it_was(buckets: S3Buckets, s3_client: S3Client, s3_endpoint: S3Endpoint) -> None:
    with new_bucket(s3_endpoint) as bucket:
        s3_client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        versions = [s3_client.put_object(Bucket=bucket, Key=KEY, Body=body)["VersionId"] for body in (b"1", b"22")]
        old, new = (buckets.facts(bucket, KEY, version) for version in versions)
        assert (old.version, new.version) == tuple(versions)
        assert buckets.facts(bucket, KEY) == new
        assert (content(buckets, bucket, old), content(buckets, bucket, new)) == (b"1", b"22")
        buckets.tag(bucket, KEY, versions[0], {"ocr-pipeline": "completed"})
        for version in versions:
            s3_client.delete_object(Bucket=bucket, Key=KEY, VersionId=version)
        with pytest.raises(ObjectMissing):
            buckets.facts(bucket, KEY, versions[0])


def test_a_listing_goes_on_behind_a_key(buckets: S3Buckets, bucket: str) -> None:
    keys = [f"list/{name}" for name in ("a", "b c", "환자", "환자2", "힣")]
    for key in keys:
        buckets.put(bucket, key, key.encode(), "text/plain")
    seen: list[ObjectFacts] = []
    after: str | None = None
    while page := buckets.page(bucket, "list/", after, 2):
        assert len(page) <= 2
        seen += page
        after = page[-1].key
    assert [facts.key for facts in seen] == sorted(keys, key=str.encode)
    assert all(facts.etag == buckets.facts(bucket, facts.key).etag for facts in seen)


def test_tags_stand_beside_those_that_were_there(buckets: S3Buckets, s3_client: S3Client, bucket: str) -> None:
    buckets.put(bucket, "tagged", b"x", "text/plain")
    s3_client.put_object_tagging(Bucket=bucket, Key="tagged", Tagging={"TagSet": [{"Key": "ward", "Value": "3"}]})
    for state in ("failed", "completed"):
        buckets.tag(bucket, "tagged", None, {"ocr-pipeline": state})
    tags = s3_client.get_object_tagging(Bucket=bucket, Key="tagged")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"ward": "3", "ocr-pipeline": "completed"}


def test_a_server_that_throttles_is_away_and_no_key_shows() -> None:
    client = S3Endpoint("http://127.0.0.1:9", "us-east-1", "key", "secret", path_style=True, attempts=1).client()
    stubber = Stubber(client)
    for operation in ("head_object", "get_object", "list_objects_v2", "put_object"):
        stubber.add_client_error(operation, "SlowDown", "Please reduce your request rate.", http_status_code=503)
    buckets = S3Buckets(client)
    with stubber:
        for call in (
            lambda: buckets.facts("scans", KEY),
            lambda: content(buckets, "scans", ObjectFacts(KEY, "tag", 1, None)),  # type: ignore[arg-type]
            lambda: buckets.page("scans", KEY, None, 10),
            lambda: buckets.put("scans", KEY, b"", "text/plain"),
        ):
            with pytest.raises(StoreUnavailable) as caught:
                call()
            assert "환자" not in "".join(traceback.format_exception(caught.value))


def test_a_session_that_ran_out_is_no_missing_object() -> None:
    """AWS answers 400 to it, and to a version id that never was; a HEAD has no body to tell them apart by."""
    client = S3Endpoint("http://127.0.0.1:9", "us-east-1", "key", "secret", path_style=True, attempts=1).client()
    buckets = S3Buckets(client)
    with Stubber(client) as stubber:
        stubber.add_client_error("head_object", "400", "Bad Request", http_status_code=400)
        with pytest.raises(StoreUnavailable):
            buckets.facts("scans", KEY)
        stubber.add_client_error("head_object", "400", "Bad Request", http_status_code=400)
        with pytest.raises(ObjectMissing):
            buckets.facts("scans", KEY, "no-such-version")
        stubber.add_client_error("get_object_tagging", "ExpiredToken", "The token has expired.", http_status_code=400)
        with pytest.raises(StoreUnavailable):
            buckets.tag("scans", KEY, None, {"a": "b"})


def test_the_server_is_asked_to_encrypt() -> None:
    client = S3Endpoint("http://127.0.0.1:9", "us-east-1", "key", "secret", path_style=True, attempts=1).client()
    wanted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"}
    with Stubber(client) as stubber:
        stubber.add_response(
            "put_object", {}, {"Bucket": "scans", "Key": "k", "Body": b"x", "ContentType": "text/plain", **wanted}
        )
        S3Buckets(client, encryption="aws:kms", kms_key="key-1").put("scans", "k", b"x", "text/plain")
        stubber.assert_no_pending_responses()
