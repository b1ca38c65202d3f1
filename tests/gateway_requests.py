"""Requests to a gateway made by hand, and what to look at afterwards."""

from __future__ import annotations

import hashlib
import socket
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx

from ocr_pipeline import signing
from ocr_pipeline.operations.access import IssuedKey
from tests.gateway_fixtures import Gateway
from tests.waiting import PATIENCE

PNG = {"Content-Type": "image/png"}


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that must be problem details."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return answer.status_code, body["code"]


def kept(gateway: Gateway) -> tuple[int, int]:
    """Documents and objects."""
    app = gateway.service.pipeline
    with app.records() as uow:
        documents = sum(uow.counts().documents.values())
    return documents, len(list(app.store.keys("documents/")))


def signed(
    key: IssuedKey, method: str, target: str, headers: dict[str, str], body: bytes, **claims: Any
) -> dict[str, str]:
    """The headers with a signature over them and the body."""
    path, _, query = target.partition("?")
    if body:
        headers = {**headers, "Content-Digest": signing.content_digest(hashlib.sha256(body).digest())}
    claims = {"created": int(time.time()), "nonce": signing.new_nonce(), **claims}
    lines = list(headers.items())
    return {**headers, **signing.sign(method, path, query, lines, key_id=key.key.id, secret=key.secret, **claims)}


def head_of(method: str, target: str, length: int, headers: dict[str, str]) -> bytes:
    """The head of a request, with a length that need not be true."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {target} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {length}\r\n{lines}\r\n".encode()


def connect(gateway: Gateway) -> socket.socket:
    """A connection of its own."""
    place = urlsplit(gateway.url)
    return socket.create_connection((place.hostname or "", place.port or 0), timeout=PATIENCE)


def raw(gateway: Gateway, *pieces: bytes, end: bool = True) -> bytes:
    """What comes back for bytes sent as they are; with `end` nothing more will come."""
    answer = b""
    with connect(gateway) as link:
        with suppress(OSError):  # the server may have hung up already
            for piece in pieces:
                link.sendall(piece)
            if end:
                link.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while received := link.recv(65536):
                answer += received
    return answer
