"""A front door over records in memory, and somebody who signs requests for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ocr_pipeline import signing
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.memory.nonces import MemoryNonces
from ocr_pipeline.adapters.memory.records import MemoryRecords, MemoryUnitOfWork
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.gateway.auth import Authenticator, BearerTokens, Directory, Principal, SignedRequests
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys

HOSPITAL, CLINIC = ClientId("hospital-a"), ClientId("clinic-b")


class StillClock:
    """Time that moves when told, and only then."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class CountingRecords(MemoryRecords):
    """Counts how often the database is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0

    def __call__(self) -> MemoryUnitOfWork:
        self.opened += 1
        return super().__call__()


class Lines:
    """Header lines, also two of one name, as an ASGI framework gives them out."""

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        self._lines = list(lines)

    def items(self) -> list[tuple[str, str]]:
        return self._lines


@dataclass
class Signed:
    """A request that was signed, to be sent as it is or otherwise."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]] = field(default_factory=list)


class Door:
    """Everything wired, with every dependency in reach."""

    def __init__(self) -> None:
        self.clock, self.records, self.nonces = StillClock(), CountingRecords(), MemoryNonces()
        self.vault = AesGcmVault(MemoryKeyProvider(), DataKeyCache(0, 0))
        self.clients = ManageClients(self.records, self.clock)
        self.keys = ManageKeys(self.records, self.vault, self.clock)
        self.directory = Directory(self.records, self.vault, self.clock)
        self.authenticator = self.with_tokens(None)
        for client in (HOSPITAL, CLINIC):
            self.clients.create(client, Changes(roles={Role.SUBMITTER, Role.REVIEWER}))
        self.key = self.keys.create(HOSPITAL)

    def with_tokens(self, tokens: BearerTokens | None) -> Authenticator:
        return Authenticator(SignedRequests(self.directory, self.nonces, self.clock), tokens)

    def signed(
        self,
        method: str = "GET",
        path: str = "/v1/documents",
        query: str = "",
        *,
        body: bytes | None = None,
        key: IssuedKey | None = None,
        key_id: str | None = None,
        secret: bytes | None = None,
        nonce: str | None = None,
        age: float = 0,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Signed:
        """A request as its client signs it; `age` is how many seconds ago that was."""
        key = key or self.key
        sent = list(headers)
        if body is not None:
            digest = signing.content_digest(hashlib.sha256(body).digest())
            sent += [("Content-Length", str(len(body))), ("Content-Digest", digest)]
        added = signing.sign(
            method,
            path,
            query,
            sent,
            key_id=key_id or key.key.id,
            secret=secret or key.secret,
            created=int(self.clock.now().timestamp() - age),
            nonce=nonce or signing.new_nonce(),
        )
        return Signed(method, path, query, [*sent, *added.items()])

    def enter(self, request: Signed, authenticator: Authenticator | None = None) -> Principal:
        """Knock."""
        return (authenticator or self.authenticator).authenticate(
            request.method, request.path.encode(), request.query.encode(), Lines(request.headers)
        )

    def claimed(self, key_id: KeyId, nonce: str) -> bool:
        """Whether a nonce is used up; using it up."""
        return not self.nonces.claim(key_id, nonce, until=self.clock.now())
