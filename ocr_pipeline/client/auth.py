"""Signing what httpx sends: a fresh nonce and the present time for every request, retries included."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncGenerator, Callable, Generator

import httpx

from ocr_pipeline import signing


class SignedAuth(httpx.Auth):
    """Signs each request with one API key. Safe between threads; for sync and async clients of httpx.

    `secret` is the key's 32 bytes, see `secret_from_text`. A body gets its Content-Digest here, for which a stream is
    read into memory. Whoever streams a large file says its Content-Digest beforehand, and then nothing is read.

    >>> httpx.get("https://ocr.example/v1/documents", auth=SignedAuth(key_id, secret_from_text(text)))
    """

    def __init__(self, key_id: str, secret: bytes, now: Callable[[], float] = time.time) -> None:
        self._key_id = key_id
        self._secret = secret
        self._now = now

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Called by httpx. Raises SignatureMalformed for a request that no signature can cover."""
        if "Content-Digest" not in request.headers:
            _add_digest(request, request.read())
        self._sign(request)
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """As `sync_auth_flow`."""
        if "Content-Digest" not in request.headers:
            _add_digest(request, await request.aread())
        self._sign(request)
        yield request

    def _sign(self, request: httpx.Request) -> None:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        request.headers.update(
            signing.sign(
                request.method,
                path,
                query,
                request.headers.multi_items(),
                key_id=self._key_id,
                secret=self._secret,
                created=int(self._now()),
                nonce=signing.new_nonce(),
            )
        )


def secret_from_text(text: str) -> bytes:
    """The secret (32 bytes) from the form in which it was printed: base64url without padding.

    Raises ValueError, whose message does not repeat the text.
    """
    return signing.decode_secret(text.strip())


def _add_digest(request: httpx.Request, body: bytes) -> None:
    if body:
        request.headers["Content-Digest"] = signing.content_digest(hashlib.sha256(body).digest())
