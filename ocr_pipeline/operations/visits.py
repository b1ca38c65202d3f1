"""Letting a person's browser in to watch, by a key that programs sign with, whose secret stays where it is.

A browser cannot sign requests. So a link is made that holds a token: who it is for, until when, a nonce, and a MAC
under the key's secret. The gateway takes a token once and gives a session for it, a token of another purpose.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ocr_pipeline.domain.clients import ApiKey, Role
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.operations.access import key_secret
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault

LINK_LIFETIME = timedelta(minutes=10)
"""How long a link may lie about before it is followed, unless told otherwise."""

_NONCE_BYTES = 16
_TOKEN = re.compile(r"(?P<key>ock_[a-z2-7]{20})\.(?P<until>\d{10})\.(?P<nonce>[\w-]{22})\.(?P<mac>[\w-]{43})", re.ASCII)


class Purpose(StrEnum):
    """What a token is good for; one never passes for another."""

    LINK = "link"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class VisitToken:
    """A token taken apart. Nothing of it is believed before `fits`."""

    key_id: KeyId
    expires_at: datetime
    nonce: str
    mac: str

    @classmethod
    def parse(cls, text: str) -> VisitToken | None:
        """None for what is no token."""
        found = _TOKEN.fullmatch(text)
        if found is None:
            return None
        return cls(KeyId(found["key"]), datetime.fromtimestamp(int(found["until"]), UTC), found["nonce"], found["mac"])

    def fits(self, purpose: Purpose, secret: bytes) -> bool:
        """Whether the holder of that secret made it for that purpose; compared in constant time."""
        made = _mac(purpose, secret, self.key_id, int(self.expires_at.timestamp()), self.nonce)
        return hmac.compare_digest(made, self.mac)


def make_token(purpose: Purpose, secret: bytes, key_id: KeyId, expires_at: datetime, entropy: bytes) -> str:
    """A token of 16 random bytes, good until `expires_at` (whole seconds)."""
    until, nonce = int(expires_at.timestamp()), _text(entropy)
    return f"{key_id}.{until}.{nonce}.{_mac(purpose, secret, key_id, until, nonce)}"


class InviteOperator:
    """Makes links for a client's operators."""

    def __init__(
        self, records: Records, vault: Vault, clock: Clock, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock
        self._entropy = entropy

    def __call__(self, client_id: ClientId, *, lifetime: timedelta = LINK_LIFETIME) -> str:
        """A token for the newest usable key of a client.

        Raises NotFound, KeyUnavailable, and Conflict where the client is no operator, is disabled or has no such key.
        """
        now = self._clock.now()
        with self._records() as uow:
            client = uow.clients.get(client_id)
            usable = [key for key in uow.clients.keys_of(client_id) if key.usable(now)]
        if Role.OPERATOR not in client.roles or client.disabled_at is not None:
            raise Conflict("the client is disabled or no operator: ocr-pipeline clients change NAME --role operator")
        if not usable:
            raise Conflict("the client has no usable key: ocr-pipeline clients keys create NAME")
        key = usable[-1]
        until = _earliest(now + lifetime, key)
        return make_token(Purpose.LINK, key_secret(self._vault, key), key.id, until, self._entropy(_NONCE_BYTES))


def _earliest(until: datetime, key: ApiKey) -> datetime:
    return until if key.expires_at is None else min(until, key.expires_at)


def _mac(purpose: Purpose, secret: bytes, key_id: KeyId, until: int, nonce: str) -> str:
    own = hmac.digest(secret, f"ocr-pipeline operations {purpose.value}".encode(), "sha256")
    return _text(hmac.digest(own, f"{key_id}\n{until}\n{nonce}".encode(), "sha256"))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
