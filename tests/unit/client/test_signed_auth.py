"""What the client signs, the server's own check accepts; a streamed body is not read for it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from ocr_pipeline import signing
from ocr_pipeline.client import SignedAuth, secret_from_text

SECRET = bytes(range(32))
AUTH = SignedAuth("ock_1", SECRET, now=lambda: 1_700_000_000.9)


def claims_of(request: httpx.Request) -> signing.SignatureClaims:
    """The claims of a request as it was sent, checked."""
    headers = request.headers.multi_items()
    path, _, query = request.url.raw_path.decode().partition("?")
    claims = signing.parse(headers)
    assert signing.verify(claims, request.method, path, query, headers, SECRET)
    assert claims.key_id == "ock_1"
    return claims


class Door:
    """Takes every request and keeps it."""

    def __init__(self) -> None:
        self.seen: list[httpx.Request] = []
        self.client = httpx.Client(
            transport=httpx.MockTransport(self._answer), base_url="https://ocr.example", auth=AUTH
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return httpx.Response(200)


@pytest.mark.parametrize("path", ["/v1/documents", "/v1/documents?state=failed&cursor=a%2Fb%3D", "/v1/a%2Fb/한", ""])
def test_a_request_without_a_body_is_signed_as_it_is_sent(path: str) -> None:
    door = Door()
    door.client.get(path)
    claims = claims_of(door.seen[0])
    assert claims.created == 1_700_000_000
    assert claims.content_sha256 is None


def test_a_post_without_a_body_has_no_digest() -> None:
    door = Door()
    door.client.post("/v1/documents/1/cancel")
    assert claims_of(door.seen[0]).content_sha256 is None


@pytest.mark.parametrize("body", [{"content": b"scan"}, {"json": {"source": "s3://a/b"}}, {"files": {"file": b"scan"}}])
def test_a_body_is_covered(body: dict[str, Any]) -> None:
    door = Door()
    door.client.post("/v1/documents", **body)
    sent = door.seen[0]
    assert claims_of(sent).content_sha256 == hashlib.sha256(sent.read()).digest()


def test_what_changes_the_meaning_is_covered() -> None:
    door = Door()
    door.client.post("/v1/documents", content=b"x", headers={"Idempotency-Key": "one", "Callback-Url": "https://a.b/"})
    assert claims_of(door.seen[0]).covered[3:] == ("content-digest", "idempotency-key", "callback-url")


def test_every_request_has_a_nonce_of_its_own_even_when_sent_again() -> None:
    door = Door()
    request = door.client.build_request("GET", "/v1/documents")
    first = claims_of(door.client.send(request).request).nonce
    again = claims_of(door.client.send(request).request).nonce
    assert first != again


def test_a_stream_with_a_digest_said_beforehand_is_not_read() -> None:
    pulled: list[int] = []

    def pieces() -> Iterator[bytes]:
        for n in range(3):
            pulled.append(n)
            yield b"x"

    digest = signing.content_digest(hashlib.sha256(b"xxx").digest())
    request = httpx.Request("POST", "https://ocr.example/", content=pieces(), headers={"Content-Digest": digest})
    next(AUTH.sync_auth_flow(request))
    assert pulled == []
    assert claims_of(request).content_sha256 == hashlib.sha256(b"xxx").digest()


def test_an_async_client_signs_alike() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"scan"

    async def send() -> httpx.Request:
        door = Door()
        transport = httpx.MockTransport(door._answer)
        async with httpx.AsyncClient(transport=transport, auth=AUTH) as client:
            await client.post("https://ocr.example/v1/documents?type=chart", content=pieces())
        return door.seen[0]

    assert claims_of(asyncio.run(send())).content_sha256 == hashlib.sha256(b"scan").digest()


def test_a_secret_is_read_as_it_was_printed() -> None:
    assert secret_from_text(f" {signing.encode_secret(SECRET)}\n") == SECRET
    with pytest.raises(ValueError, match="base64url"):
        secret_from_text("not a secret!")
