"""Who may use the front door: clients, and the keys they sign with.

No secret is stored. A key's secret is derived from the key provider's secret for its client and from the key's id, so
it exists for as long as the key provider does, and revoking is a matter of the key's row alone.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ocr_pipeline.domain.access import AccessEntry, AccessEvent, AccessKind, verify
from ocr_pipeline.domain.audit import Detail
from ocr_pipeline.domain.clients import Allowance, ApiKey, Client, Role
from ocr_pipeline.domain.errors import Conflict, PipelineError
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault

KEY_PREFIX = "ock_"
OVERLAP = timedelta(hours=24)
"""How long the keys before a new one still work, unless told otherwise."""

MAX_USABLE_KEYS = 10
"""Keys of one client that work at the same time."""

_KEY_CHARACTERS = 20
_CLIENT_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_SOURCE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/\S{0,1000})?")
_MAX_SOURCES = 100


class InvalidAccess(PipelineError):
    """A client or key was described in a way that cannot be; the message says what is wrong."""

    code = "invalid_access"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different about a client; None leaves a thing as it is."""

    roles: Iterable[Role] | None = None
    sources: Iterable[str] | None = None
    requests_per_minute: int | None = None
    burst: int | None = None
    queued_pages: int | None = None

    def applied(self, client: Client) -> Client:
        """The client with these changes. Raises InvalidAccess."""
        allowance = client.allowance
        changed = replace(
            client,
            roles=client.roles if self.roles is None else frozenset(self.roles),
            sources=client.sources if self.sources is None else tuple(dict.fromkeys(self.sources)),
            allowance=Allowance(
                allowance.requests_per_minute if self.requests_per_minute is None else self.requests_per_minute,
                allowance.burst if self.burst is None else self.burst,
                allowance.queued_pages if self.queued_pages is None else self.queued_pages,
            ),
        )
        _check(changed)
        return changed


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its secret (32 bytes), which is given out this once."""

    key: ApiKey
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class History:
    """What was changed about a client, oldest first; `broken_at` is the first place where the chain does not hold."""

    events: list[AccessEvent]
    broken_at: int | None


class ManageClients:
    """Makes, changes, disables and lists clients, in the name of `actor`, and keeps the log of it."""

    def __init__(self, records: Records, clock: Clock, actor: str = "operator") -> None:
        self._records = records
        self._clock = clock
        self._actor = actor

    def create(self, client_id: ClientId, wanted: Changes) -> Client:
        """A new client; what is not wanted otherwise is as `Allowance` has it. Raises Conflict, InvalidAccess."""
        if not _CLIENT_ID.fullmatch(client_id):
            raise InvalidAccess("a client's id has 1 to 63 of a-z, 0-9, dot, dash and underscore, not a dot first")
        client = wanted.applied(Client(client_id, frozenset({Role.SUBMITTER}), self._clock.now()))
        with self._records() as uow:
            uow.clients.add(client)
            self._log(uow, client, AccessKind.CLIENT_CREATED)
            uow.commit()
        return client

    def change(self, client_id: ClientId, wanted: Changes) -> Client:
        """The client as changed. Raises NotFound, InvalidAccess."""
        return self._save(client_id, wanted.applied, AccessKind.CLIENT_CHANGED)

    def disable(self, client_id: ClientId) -> Client:
        """Refuse every request of a client until it is enabled again. Its work goes on. Raises NotFound."""
        now = self._clock.now()
        return self._save(
            client_id,
            lambda client: replace(client, disabled_at=client.disabled_at or now),
            AccessKind.CLIENT_DISABLED,
        )

    def enable(self, client_id: ClientId) -> Client:
        """Take a disabled client in again. Raises NotFound."""
        return self._save(client_id, lambda client: replace(client, disabled_at=None), AccessKind.CLIENT_ENABLED)

    def all(self) -> list[Client]:
        """Every client, in order of id."""
        with self._records() as uow:
            return uow.clients.all()

    def history(self, client_id: ClientId) -> History:
        """What was changed about a client and its keys, and whether that is all of it. Raises NotFound."""
        with self._records() as uow:
            uow.clients.lock(client_id)
            head, events = uow.access_log.head(client_id), uow.access_log.events(client_id)
        return History(events, verify(client_id, events, head))

    def _save(self, client_id: ClientId, change: Callable[[Client], Client], kind: AccessKind) -> Client:
        with self._records() as uow:
            before = uow.clients.lock(client_id)
            changed = change(before)
            if changed != before:
                uow.clients.save(changed)
                self._log(uow, changed, kind)
            uow.commit()
        return changed

    def _log(self, uow: UnitOfWork, client: Client, kind: AccessKind) -> None:
        details = () if kind in {AccessKind.CLIENT_DISABLED, AccessKind.CLIENT_ENABLED} else _described(client)
        uow.access_log.append(AccessEntry(client.id, kind, self._clock.now(), self._actor, details))


class ManageKeys:
    """Makes, rotates, revokes and lists the keys of clients.

    `entropy` gives so many random bytes. What derives a secret raises KeyUnavailable where the key provider is away,
    and then changes nothing.
    """

    def __init__(
        self,
        records: Records,
        vault: Vault,
        clock: Clock,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        actor: str = "operator",
    ) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock
        self._entropy = entropy
        self._actor = actor

    def create(self, client_id: ClientId, *, lifetime: timedelta | None = None) -> IssuedKey:
        """A further key. Raises NotFound, InvalidAccess, and Conflict where that makes more than MAX_USABLE_KEYS."""
        return self._issue(client_id, lifetime, lambda key, _: key)

    def rotate(
        self, client_id: ClientId, *, overlap: timedelta = OVERLAP, lifetime: timedelta | None = None
    ) -> IssuedKey:
        """A new key; those before it end after `overlap`, or sooner where they would have. Raises as `create`."""
        if overlap < timedelta(0):
            raise InvalidAccess("the overlap cannot be negative")
        return self._issue(client_id, lifetime, lambda key, now: _ending(key, now + overlap))

    def revoke(self, key_id: KeyId) -> ApiKey:
        """End a key now and for good. Revoking again changes nothing. Raises NotFound."""
        now = self._clock.now()
        with self._records() as uow:
            uow.clients.lock(uow.clients.key(key_id).client_id)
            key = uow.clients.key(key_id)
            revoked = replace(key, revoked_at=key.revoked_at or now)
            if revoked != key:
                uow.clients.save_key(revoked)
                self._log(uow, revoked, AccessKind.KEY_REVOKED, now)
            uow.commit()
        return revoked

    def of(self, client_id: ClientId) -> list[ApiKey]:
        """Every key of a client, oldest first. Raises NotFound."""
        with self._records() as uow:
            uow.clients.get(client_id)
            return uow.clients.keys_of(client_id)

    def _issue(
        self, client_id: ClientId, lifetime: timedelta | None, leave: Callable[[ApiKey, datetime], ApiKey]
    ) -> IssuedKey:
        """A new key, once `leave` has said what becomes of each usable one that it finds."""
        if lifetime is not None and lifetime <= timedelta(0):
            raise InvalidAccess("a key lives for some time")
        now = self._clock.now()
        key = ApiKey(self._new_id(), client_id, now, expires_at=None if lifetime is None else now + lifetime)
        with self._records() as uow:
            uow.clients.lock(client_id)
            old = [each for each in uow.clients.keys_of(client_id) if each.usable(now)]
            left = [leave(each, now) for each in old]
            if sum(each.usable(now) for each in left) >= MAX_USABLE_KEYS:
                raise Conflict(f"the client has {MAX_USABLE_KEYS} usable keys: revoke one first")
            secret = key_secret(self._vault, key)
            for before, after in zip(old, left, strict=True):
                if after != before:
                    uow.clients.save_key(after)
                    self._log(uow, after, AccessKind.KEY_ENDING, now)
            uow.clients.add_key(key)
            self._log(uow, key, AccessKind.KEY_CREATED, now)
            uow.commit()
        return IssuedKey(key, secret)

    def _log(self, uow: UnitOfWork, key: ApiKey, kind: AccessKind, now: datetime) -> None:
        expires = None if key.expires_at is None else key.expires_at.isoformat()
        details: tuple[tuple[str, Detail], ...] = (("key", key.id), ("expires_at", expires))
        uow.access_log.append(AccessEntry(key.client_id, kind, now, self._actor, details))

    def _new_id(self) -> KeyId:
        """100 random bits in base32: no key's id is ever guessed."""
        return KeyId(KEY_PREFIX + base64.b32encode(self._entropy(15)).decode().lower()[:_KEY_CHARACTERS])


def key_secret(vault: Vault, key: ApiKey) -> bytes:
    """The secret (32 bytes) of a key, bound to its id and its client. Raises KeyUnavailable."""
    return vault.secret(key.client_id, f"api-key/{key.id}")


def _described(client: Client) -> tuple[tuple[str, Detail], ...]:
    return (
        ("roles", sorted(role.value for role in client.roles)),
        ("requests_per_minute", client.allowance.requests_per_minute),
        ("burst", client.allowance.burst),
        ("queued_pages", client.allowance.queued_pages),
        ("sources", list(client.sources)),
    )


def _ending(key: ApiKey, at: datetime) -> ApiKey:
    return replace(key, expires_at=at if key.expires_at is None else min(at, key.expires_at))


def _check(client: Client) -> None:
    allowance = client.allowance
    if not client.roles:
        raise InvalidAccess("a client has at least one role")
    if allowance.requests_per_minute < 1 or allowance.burst < 1 or allowance.queued_pages < 1:
        raise InvalidAccess("requests a minute, burst and queued pages are each at least 1")
    if len(client.sources) > _MAX_SOURCES:
        raise InvalidAccess(f"a client has at most {_MAX_SOURCES} sources")
    if not all(_SOURCE.fullmatch(source) for source in client.sources):
        raise InvalidAccess("a source looks like s3://bucket/prefix")
