"""Clients and keys as authentication sees them: asked of the database now and then, not at every request."""

from __future__ import annotations

from dataclasses import dataclass, field

from ocr_pipeline.domain.clients import ApiKey, Client
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.gateway.auth.cache import ExpiringCache
from ocr_pipeline.operations.access import key_secret
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault

SECONDS = 10.0
"""How long an answer is believed: so long after a key is revoked or a client disabled it is still let in."""

_KEPT = 4_096


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A key, the client it belongs to, and its secret (32 bytes)."""

    key: ApiKey
    client: Client
    secret: bytes = field(repr=False)


class Directory:
    """Looks clients and keys up. Raises DatabaseUnavailable and KeyUnavailable. Safe between threads.

    What is not there is remembered as well, apart from the rest, so that asking for it again tells nobody by its
    speed whether it is there, and asking for many such things displaces nothing.
    """

    def __init__(self, records: Records, vault: Vault, clock: Clock, *, seconds: float = SECONDS) -> None:
        self._records = records
        self._vault = vault
        self._holders: ExpiringCache[KeyId, KeyHolder] = ExpiringCache(seconds, _KEPT, clock.monotonic)
        self._clients: ExpiringCache[ClientId, Client] = ExpiringCache(seconds, _KEPT, clock.monotonic)
        self._unknown: ExpiringCache[str, bool] = ExpiringCache(seconds, _KEPT, clock.monotonic)

    def holder(self, key_id: KeyId) -> KeyHolder | None:
        """Who holds a key, usable or not; None for an unknown one."""
        found = self._holders.get(key_id)
        if found is not None or self._unknown.get(f"key:{key_id}"):
            return found
        try:
            with self._records() as uow:
                key = uow.clients.key(key_id)
                client = uow.clients.get(key.client_id)
        except NotFound:
            self._unknown.put(f"key:{key_id}", True)
            return None
        found = KeyHolder(key, client, key_secret(self._vault, key))
        self._holders.put(key_id, found)
        return found

    def client(self, client_id: ClientId) -> Client | None:
        """A client, disabled or not; None for an unknown one."""
        found = self._clients.get(client_id)
        if found is not None or self._unknown.get(f"client:{client_id}"):
            return found
        try:
            with self._records() as uow:
                found = uow.clients.get(client_id)
        except NotFound:
            self._unknown.put(f"client:{client_id}", True)
            return None
        self._clients.put(client_id, found)
        return found
