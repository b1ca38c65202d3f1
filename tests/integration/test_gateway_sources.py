"""Documents that a client names by their address in S3, fetched from a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.objects.s3_source import S3Source, SourceObject
from ocr_pipeline.domain.errors import Conflict, ObjectMissing
from tests.gateway_fixtures import SAID, Gateway, OpenGateway, new_page
from tests.gateway_requests import kept, problem

pytestmark = pytest.mark.services

MOST = 20 * 1024 * 1024
NOT_GRANTED = (
    "ward/4/a.png",
    "ward/33/a.png",
    "ward/3",
    "ward/3/",
    "ward/a.png",
    "Ward/3/a.png",
    "ward/3/../4/a.png",
    "ward/3/./a.png",
    "ward/3//a.png",
    "ward/3/..\\4\\a.png",
    "ward/3/..",
    "ward/3/a\tb.png",
    "ward/3/a\x00.png",
    "ward/3/a\x7f.png",
    "/ward/3/a.png",
    "../ward/3/a.png",
)
NO_ADDRESSES = (
    "https://bucket/a.png",
    "s3://",
    "s3://UPPER/a.png",
    "s3://bucket",
    "s3://bucket/\ud800",
    "s3://user:secret@bucket/a.png",
    "file:///etc/passwd",
    7,
)


@dataclass(frozen=True)
class Hospital:
    """A folder of a bucket, and a gateway to which a client may name what lies under its `ward/3`."""

    gateway: Gateway
    s3: Any
    bucket: str
    folder: str
    client: httpx.Client

    def address(self, path: str) -> str:
        return f"s3://{self.bucket}/{self.folder}/{path}"

    def put(self, path: str, body: bytes) -> str:
        """The address of a new object."""
        self.s3.put_object(Bucket=self.bucket, Key=f"{self.folder}/{path}", Body=body)
        return self.address(path)

    def hand_in(self, source: str, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        return self.client.post("/v1/documents", json={"source": source, **more}, headers=headers)


@pytest.fixture(scope="module")
def bucket(object_server: S3Endpoint) -> Iterator[tuple[Any, str]]:
    """A client of the server, and a bucket that keeps versions; gone after the last test."""
    s3: Any = object_server.client()
    name = f"hospital-{uuid4().hex}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    yield s3, name
    kept_there = s3.list_object_versions(Bucket=name)
    for version in kept_there.get("Versions", []) + kept_there.get("DeleteMarkers", []):
        s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=name)
    s3.close()


@pytest.fixture
def hospital(open_gateway: OpenGateway, object_server: S3Endpoint, bucket: tuple[Any, str]) -> Iterator[Hospital]:
    """Granted also a bucket that is not there."""
    s3, name = bucket
    folder = uuid4().hex
    gateway = open_gateway(
        storage={
            "endpoint_url": object_server.endpoint_url,
            "access_key": object_server.access_key,
            "secret_key": object_server.secret_key,
        }
    )
    gateway.engine.may_read.set()
    with gateway.client("hospital", sources=(f"s3://{name}/{folder}/ward/3", f"s3://gone-{name}")) as client:
        yield Hospital(gateway, s3, name, folder, client)


def test_an_object_under_a_granted_prefix_is_read(hospital: Hospital) -> None:
    name = "ward/3/2026/홍길동 처방전 (1)+%20.png"
    source = hospital.put(name, new_page())
    taken = hospital.hand_in(source, type="prescription", headers={"Prefer": "wait=20"})
    assert (taken.status_code, taken.json()["state"], taken.json()["type"]) == (200, "completed", "prescription")
    assert hospital.client.get(f"{taken.headers['Location']}/text").text.strip() == SAID
    assert "홍길동" not in taken.text + hospital.client.get(taken.headers["Location"]).text
    assert hospital.hand_in(source).json()["duplicate"] is True
    objects = list(hospital.gateway.service.pipeline.store.keys("documents/"))
    assert not any("ward" in key for key in objects)


def test_the_newest_version_is_read(hospital: Hospital) -> None:
    """The address of a version is another name, under which nothing lies; and what was deleted is not there."""
    source = hospital.put("ward/3/a.png", b"GIF89a: no scan at all" + bytes(100))
    key = f"{hospital.folder}/ward/3/a.png"
    (old,) = hospital.s3.list_object_versions(Bucket=hospital.bucket, Prefix=key)["Versions"]
    hospital.put("ward/3/a.png", new_page())
    assert hospital.hand_in(source).status_code == 202
    assert problem(hospital.hand_in(f"{source}?versionId={old['VersionId']}")) == (422, "input_missing")
    hospital.s3.delete_object(Bucket=hospital.bucket, Key=key)
    assert problem(hospital.hand_in(source)) == (422, "input_missing")


def test_what_was_not_granted_is_refused(hospital: Hospital) -> None:
    """Whether anything lies there or not."""
    for key in ("ward/4/a.png", "ward/33/a.png", "ward/3/a.png", "ward/a.png"):
        hospital.put(key, new_page())
    for path in NOT_GRANTED:
        assert problem(hospital.hand_in(hospital.address(path))) == (403, "source_not_granted"), path
    assert kept(hospital.gateway) == (0, 0)


def test_another_bucket_and_another_client_are_refused(hospital: Hospital) -> None:
    source = hospital.put("ward/3/a.png", new_page())
    for other in (f"{hospital.bucket}-2", "ready", hospital.bucket[:-1]):
        elsewhere = source.replace(hospital.bucket, other)
        assert problem(hospital.hand_in(elsewhere)) == (403, "source_not_granted")
    with hospital.gateway.client("stranger") as stranger:
        assert problem(stranger.post("/v1/documents", json={"source": source})) == (403, "source_not_granted")
    assert kept(hospital.gateway) == (0, 0)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("ward/3/nothing.png", 422, "input_missing"),
        ("ward/3/folder", 422, "input_missing"),
        ("ward/3/%61.png", 422, "input_missing"),
        (f"ward/3/{'가' * 900}", 422, "input_missing"),
        ("ward/3/empty.png", 422, "empty_file"),
        ("ward/3/cat.gif", 415, "unsupported_format"),
        ("ward/3/large.png", 413, "too_large"),
    ],
)
def test_what_cannot_be_taken_in_is_told_and_not_kept(hospital: Hospital, path: str, status: int, code: str) -> None:
    hospital.put("ward/3/a.png", new_page())
    hospital.put("ward/3/folder/b.png", new_page())
    hospital.put("ward/3/empty.png", b"")
    hospital.put("ward/3/cat.gif", b"GIF89a" + bytes(1000))
    if code == "too_large":
        page = new_page()
        hospital.put(path, page + bytes(MOST + 1 - len(page)))
    refused = hospital.hand_in(hospital.address(path), headers={"Idempotency-Key": "once"})
    assert problem(refused) == (status, code)
    assert "ward" not in refused.text
    assert kept(hospital.gateway) == (0, 0)
    good = hospital.hand_in(hospital.address("ward/3/a.png"), headers={"Idempotency-Key": "once"})
    assert good.status_code == 202, "a refusal used the idempotency key up"


def test_twenty_mebibytes_are_taken_in(hospital: Hospital) -> None:
    page = new_page()
    assert hospital.hand_in(hospital.put("ward/3/most.png", page + bytes(MOST - len(page)))).status_code == 202


def test_a_granted_bucket_that_is_not_there_is_for_the_operators(hospital: Hospital) -> None:
    answer = hospital.hand_in(f"s3://gone-{hospital.bucket}/a.png")
    assert problem(answer) == (503, "store_unavailable")
    assert hospital.bucket not in answer.text
    assert kept(hospital.gateway) == (0, 0)


def test_what_is_no_address_is_refused(hospital: Hospital) -> None:
    for source in NO_ADDRESSES:
        body = json.dumps({"source": source})
        answer = hospital.client.post("/v1/documents", content=body, headers={"Content-Type": "application/json"})
        assert problem(answer) == (422, "invalid_request"), source


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(ObjectMissing("gone"), 422, "input_missing"), (Conflict("replaced"), 409, "conflict")],
)
def test_an_object_that_changes_while_it_is_fetched(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    """Deleted after it was found, or replaced again and again; one replacement is not noticed."""
    source = hospital.put("ward/3/a.png", new_page())
    real, failures = S3Source.fetch, [error]

    def fetch(self: S3Source, found: SourceObject, max_bytes: int) -> bytes:
        if failures:
            raise failures.pop() if once else failures[0]
        return real(self, found, max_bytes)

    monkeypatch.setattr(S3Source, "fetch", fetch)
    once = False
    assert problem(hospital.hand_in(source)) == (status, code)
    assert kept(hospital.gateway) == (0, 0)
    once = True
    expected = 202 if isinstance(error, Conflict) else 422
    assert hospital.hand_in(source).status_code == expected
