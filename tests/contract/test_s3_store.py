"""What the S3 store promises beyond the port: checksums, lost answers, errors with a meaning and without names."""

from __future__ import annotations

import errno
import os
import socket
import stat
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from botocore.stub import Stubber

from ocr_pipeline.adapters.objects import s3_writer
from ocr_pipeline.adapters.objects.s3 import S3ObjectStore
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.domain.errors import (
    IntegrityError,
    ObjectExists,
    ObjectMissing,
    PipelineError,
    StoreFull,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "contract"
PART_SIZE = 5 << 20
NAME = "secret-name"


@pytest.fixture
def prefix() -> str:
    return uuid4().hex


@pytest.fixture
def store(s3_endpoint: S3Endpoint, prefix: str) -> Iterator[S3ObjectStore]:
    store = S3ObjectStore(s3_endpoint.client(), BUCKET, prefix, part_size=PART_SIZE)
    store.prepare(create_bucket=True)
    yield store
    store.close()


@pytest.mark.services
def test_a_bucket_is_made_only_where_asked(s3_client: S3Client) -> None:
    store = S3ObjectStore(s3_client, f"made-{uuid4().hex}")
    with pytest.raises(StoreUnavailable, match="bucket is not there"):
        store.prepare()
    with pytest.raises(StoreUnavailable, match="bucket is not there"):
        store.exists("a")
    for _ in range(2):
        store.prepare(create_bucket=True)
    store.check()


@pytest.mark.services
def test_stores_of_two_prefixes_know_nothing_of_each_other(s3_client: S3Client, store: S3ObjectStore) -> None:
    other = S3ObjectStore(s3_client, BUCKET, f"/{uuid4().hex}/deep/")
    store.put("a", b"one")
    other.put("a", b"two")
    assert (store.get("a"), other.get("a")) == (b"one", b"two")
    assert other.delete_prefix("a") == 1
    assert list(store.keys()) == ["a"]


@pytest.mark.services
def test_other_bytes_than_were_put_are_noticed(s3_client: S3Client, store: S3ObjectStore, prefix: str) -> None:
    store.put("a", b"first")
    kept = s3_client.head_object(Bucket=BUCKET, Key=f"{prefix}/a")["Metadata"]
    s3_client.put_object(Bucket=BUCKET, Key=f"{prefix}/a", Body=b"other", Metadata=kept)
    with pytest.raises(IntegrityError):
        store.get("a")


@pytest.mark.services
def test_an_object_that_another_tool_copied_in_is_read(s3_client: S3Client, store: S3ObjectStore, prefix: str) -> None:
    s3_client.put_object(Bucket=BUCKET, Key=f"{prefix}/a", Body=b"copied")
    assert store.get("a") == b"copied"


@pytest.mark.services
def test_the_server_refuses_bytes_that_changed_on_the_way(store: S3ObjectStore) -> None:
    def damage(request: Any, **_: object) -> None:
        request.body = b"damaged!"

    store._client.meta.events.register("before-send.s3.PutObject", damage)
    with pytest.raises(StoreUnavailable):
        store.put("a", b"pristine")
    assert not store.exists("a")


@pytest.mark.services
@pytest.mark.parametrize(
    ("operation", "size", "if_absent"),
    [("PutObject", 10, True), ("PutObject", 10, False), ("CompleteMultipartUpload", PART_SIZE + 1, False)],
)
def test_a_put_whose_answer_got_lost_is_no_failure(
    store: S3ObjectStore, operation: str, size: int, *, if_absent: bool
) -> None:
    sent = []

    def lose_the_first_answer(request: Any, **_: object) -> Any:
        sent.append(request)
        if len(sent) > 1:
            return None
        answer = store._client._endpoint.http_session.send(request)  # type: ignore[attr-defined]
        answer.status_code = 503
        return answer

    store._client.meta.events.register(f"before-send.s3.{operation}", lose_the_first_answer)
    store.put("a", bytes(size), if_absent=if_absent)
    assert len(sent) == 2
    assert store.get("a") == bytes(size)


@pytest.mark.services
@pytest.mark.parametrize("if_absent", [True, False])
def test_an_object_in_pieces_whose_answer_got_lost_is_no_failure(store: S3ObjectStore, *, if_absent: bool) -> None:
    sent = []

    def lose_the_first_answer(request: Any, **_: object) -> Any:
        sent.append(request)
        if len(sent) > 1:
            return None
        answer = store._client._endpoint.http_session.send(request)  # type: ignore[attr-defined]
        answer.status_code = 503
        return answer

    store._client.meta.events.register("before-send.s3.PutObject", lose_the_first_answer)
    with store.writing("a") as writer:
        for number in range(50):
            writer.write(bytes([number]) * 3000)
        writer.commit(if_absent=if_absent)
    assert len(sent) == 2
    assert store.get("a") == b"".join(bytes([number]) * 3000 for number in range(50))


@pytest.mark.services
def test_the_server_refuses_a_staged_object_that_changed_on_the_way(store: S3ObjectStore) -> None:
    def damage(request: Any, **_: object) -> None:
        request.body = b"damaged!"

    store._client.meta.events.register("before-send.s3.PutObject", damage)
    with pytest.raises(StoreUnavailable):
        put_in_pieces(store, "a", b"pristine")
    assert not store.exists("a")


@pytest.mark.services
def test_what_is_staged_has_no_name(s3_client: S3Client, prefix: str, tmp_path: Path) -> None:
    staging = tmp_path / "deep" / "staging"
    store = S3ObjectStore(s3_client, BUCKET, prefix, staging=staging)
    store.prepare(create_bucket=True)
    assert stat.S_IMODE(staging.stat().st_mode) == 0o700
    with store.writing("a") as writer:
        writer.write(bytes(100_000))
        assert list(staging.iterdir()) == []
        assert str(staging) in str(Path(f"/proc/self/fd/{writer._staged.fileno()}").readlink())
        writer.commit()
    assert store.get("a") == bytes(100_000)


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreUnavailable)])
def test_a_staging_disk_that_takes_no_more_is_told_from_a_bucket(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, expected: type[PipelineError]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    store = S3ObjectStore(nowhere("http://127.0.0.1:9").client(), BUCKET, staging=tmp_path)
    monkeypatch.setattr(s3_writer, "write_all", fail)
    with pytest.raises(expected, match="staged"), store.writing("a") as writer:
        writer.write(b"x")


def test_without_its_staging_folder_nothing_can_be_staged(tmp_path: Path) -> None:
    store = S3ObjectStore(nowhere("http://127.0.0.1:9").client(), BUCKET, staging=tmp_path / "gone")
    with pytest.raises(StoreUnavailable, match="staged"), store.writing("a"):
        pytest.fail("nothing can be written")


@pytest.mark.services
def test_after_a_lost_answer_another_winner_is_still_another(
    s3_client: S3Client, store: S3ObjectStore, prefix: str
) -> None:
    sent = []

    def win_before_the_retry(request: Any, **_: object) -> Any:
        sent.append(request)
        if len(sent) > 1:
            return None
        s3_client.put_object(Bucket=BUCKET, Key=f"{prefix}/a", Body=b"theirs")
        answer = store._client._endpoint.http_session.send(request)  # type: ignore[attr-defined]
        answer.status_code = 503
        return answer

    store._client.meta.events.register("before-send.s3.PutObject", win_before_the_retry)
    with pytest.raises(ObjectExists):
        store.put("a", b"ours", if_absent=True)
    assert store.get("a") == b"theirs"


@pytest.mark.services
def test_a_failed_upload_in_parts_leaves_nothing(s3_client: S3Client, store: S3ObjectStore, prefix: str) -> None:
    def fail(**_: object) -> None:
        raise KeyboardInterrupt

    store._client.meta.events.register("before-send.s3.CompleteMultipartUpload", fail)
    with pytest.raises(KeyboardInterrupt):
        store.put("a", bytes(PART_SIZE + 1))
    assert list(store.keys()) == []
    assert "Uploads" not in s3_client.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix)


@pytest.mark.services
def test_uploads_that_a_killed_process_left_are_aborted_once_they_are_old(
    s3_client: S3Client, store: S3ObjectStore, prefix: str
) -> None:
    s3_client.create_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/a")
    assert store.remove_stale(older_than=3600) == 0
    assert store.remove_stale(older_than=-60) == 1
    assert store.remove_stale(older_than=-60) == 0


@pytest.mark.services
def test_more_objects_than_one_request_lists_or_deletes(store: S3ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocr_pipeline.adapters.objects.s3._AT_ONCE", 3)
    keys = [f"documents/one/pages/{number:04d}" for number in range(11)]
    for key in keys:
        store.put(key, b"x")
    assert list(store.keys()) == keys
    assert store.delete_prefix("documents/one/") == 11
    assert list(store.keys()) == []


@pytest.mark.services
def test_wrong_credentials_make_the_store_unavailable(s3_endpoint: S3Endpoint) -> None:
    stranger = S3Endpoint(s3_endpoint.endpoint_url, "us-east-1", s3_endpoint.access_key, "wrong", path_style=True)
    store = S3ObjectStore(stranger.client(), BUCKET)
    for call in calls_of(store):
        with pytest.raises(StoreUnavailable, match=r"credentials|fails"):
            call()


def test_a_server_that_is_not_there_is_unavailable_at_every_call() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
        store = S3ObjectStore(nowhere(url).client(), BUCKET)
        for call in calls_of(store):
            with pytest.raises(StoreUnavailable, match="does not answer") as caught:
                call()
            assert NAME not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NoSuchKey", 404, ObjectMissing),
        ("NoSuchBucket", 404, StoreUnavailable),
        ("PreconditionFailed", 412, ObjectExists),
        ("ConditionalRequestConflict", 409, StoreUnavailable),
        ("XMinioStorageFull", 507, StoreFull),
        ("InsufficientStorage", 507, StoreFull),
        ("QuotaExceeded", 403, StoreFull),
        ("XMinioAdminBucketQuotaExceeded", 400, StoreFull),
        ("AccessDenied", 403, StoreUnavailable),
        ("SlowDown", 503, StoreUnavailable),
        ("InternalError", 500, StoreUnavailable),
    ],
)
def test_each_answer_has_its_meaning_and_quotes_nothing(code: str, status: int, expected: type[PipelineError]) -> None:
    client = nowhere("http://127.0.0.1:9").client()
    store = S3ObjectStore(client, BUCKET)
    with Stubber(client) as stubber:
        stubber.add_client_error("put_object", code, f"for {NAME}", status)
        with pytest.raises(expected) as caught:
            store.put(NAME, b"x")
    assert NAME not in "".join(traceback.format_exception(caught.value))


def test_deletions_that_the_server_refused_are_told() -> None:
    client = nowhere("http://127.0.0.1:9").client()
    store = S3ObjectStore(client, BUCKET)
    with Stubber(client) as stubber:
        stubber.add_response("list_objects_v2", {"Contents": [{"Key": "a/1"}, {"Key": "a/2"}], "IsTruncated": False})
        stubber.add_response("delete_objects", {"Errors": [{"Key": "a/2", "Code": "AccessDenied"}]})
        with pytest.raises(StoreUnavailable, match="1 of 2"):
            store.delete_prefix("a/")


def test_a_secret_is_in_no_representation() -> None:
    assert "hush" not in repr(S3Endpoint(secret_key="hush"))


def nowhere(url: str) -> S3Endpoint:
    return S3Endpoint(url, "us-east-1", "key", "secret", path_style=True, connect_timeout=1, attempts=1)


def put_in_pieces(store: S3ObjectStore, key: str, data: bytes = b"x") -> None:
    with store.writing(key) as writer:
        writer.write(data)
        writer.commit()


def calls_of(store: S3ObjectStore) -> list[Callable[[], object]]:
    return [
        lambda: store.put(NAME, b"x"),
        lambda: store.put(NAME, b"x", if_absent=True),
        lambda: put_in_pieces(store, NAME),
        lambda: store.get(NAME),
        lambda: store.exists(NAME),
        lambda: store.delete(NAME),
        lambda: store.delete_prefix(NAME),
        lambda: list(store.keys()),
        lambda: store.prepare(create_bucket=True),
        lambda: store.remove_stale(3600),
        store.check,
    ]
