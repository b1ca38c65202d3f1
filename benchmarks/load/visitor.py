"""What everybody in the crowd shares: the front door, keys, documents handed in so far; and what an answer is."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Literal
from urllib.parse import urlsplit

import httpx

from ocr_pipeline.client import SignedAuth
from ocr_pipeline.operations.access import IssuedKey

DOCUMENTS = "/v1/documents"
NO_ANSWER = 0
"""Stands for a connection that ended, or was ended, without an answer."""

_REMEMBERED = 400
_IDLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and in words what else was wrong about it."""

    status: int
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class Handed:
    """A document that was taken in."""

    id: str
    content: bytes = field(repr=False)
    media_type: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Shared by all threads of the crowd."""

    url: str
    http: httpx.Client
    """Signs for the client that may do everything."""
    hasty: httpx.Client
    """Signs for one whose bucket is small."""
    crowded: httpx.Client
    """Signs for one that may have two pages waiting."""
    anybody: httpx.Client
    """Signs nothing."""
    key: IssuedKey
    random: Random
    recent: deque[Handed] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    accepted: set[str] = field(default_factory=set)

    def submit(self, content: bytes, headers: dict[str, str], query: str = "") -> httpx.Response:
        """Hand in a raw body, and remember what it became."""
        return self.noted(self.http.post(DOCUMENTS + query, content=content, headers=headers), content, headers)

    def noted(self, answer: httpx.Response, content: bytes, headers: dict[str, str]) -> httpx.Response:
        """Remember a document that was taken in, and pass its answer on."""
        if answer.status_code in {httpx.codes.OK, httpx.codes.ACCEPTED}:
            document = str(answer.json()["id"])
            self.accepted.add(document)
            handed = Handed(document, content, headers.get("Content-Type", ""), headers.get("Idempotency-Key"))
            self.recent.append(handed)
        return answer

    def some(self) -> Handed:
        """Any of the documents handed in lately."""
        return self.random.choice(list(self.recent))

    def raw(self, *pieces: bytes, end: bool = False, seconds: float = 15.0) -> Answer:
        """The answer to bytes sent as they are over a connection of their own; `end` says that no more will come."""
        place = urlsplit(self.url)
        received = b""
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=seconds) as link:
            with suppress(OSError):  # the server may have hung up already
                for piece in pieces:
                    link.sendall(piece)
                if end:
                    link.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                while b"\r\n" not in received and (chunk := link.recv(65_536)):
                    received += chunk
        words = received.split(b"\r\n", 1)[0].split()
        return Answer(int(words[1]) if len(words) > 1 and words[1].isdigit() else NO_ANSWER)


Kind = Literal["valid", "invalid", "limited", "abusive"]


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody in the crowd does: how often beside the others, and which answers are right.

    A busy front door may always say 503, provided it says when to come again.
    """

    name: str
    kind: Kind
    weight: float
    right: frozenset[int]
    do: Callable[[Visitor], Answer | httpx.Response]

    def __call__(self, visitor: Visitor) -> Answer:
        """Do it. Raises httpx.TransportError where no answer could be had."""
        done = self.do(visitor)
        if isinstance(done, Answer):
            return done
        busy = done.status_code in {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS}
        wrong = "no Retry-After" if busy and "Retry-After" not in done.headers else None
        return Answer(done.status_code, wrong)


def signing(url: str, key: IssuedKey) -> httpx.Client:
    """A client that signs with a key."""
    return plain(url, SignedAuth(key.key.id, key.secret))


def plain(url: str, auth: httpx.Auth | None = None) -> httpx.Client:
    """A client that lets go of idle connections before the server does: what it reuses is never just being closed."""
    limits = httpx.Limits(max_connections=40, max_keepalive_connections=20, keepalive_expiry=_IDLE_SECONDS)
    return httpx.Client(base_url=url, auth=auth, timeout=60.0, trust_env=False, limits=limits)
