"""Letting in by signature: the steps in an order that gives nothing away and nothing to burn."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ocr_pipeline import signing
from ocr_pipeline.domain.ids import KeyId
from ocr_pipeline.gateway.auth.directory import Directory, KeyHolder
from ocr_pipeline.gateway.auth.errors import (
    Forbidden,
    KeyExpired,
    KeyRevoked,
    NonceReplayed,
    SignatureExpired,
    SignatureMalformed,
    SignatureMissing,
    SignatureWrong,
)
from ocr_pipeline.gateway.auth.incoming import IncomingRequest
from ocr_pipeline.gateway.auth.principal import Principal
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.nonces import Nonces

MAX_SKEW = timedelta(seconds=300)

_CLOCK_MARGIN = timedelta(seconds=60)
"""How far the clocks of two of our own processes may differ without a nonce being forgotten too soon."""


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """How far the time of a signature may lie from ours, before or after."""

    max_skew: timedelta = MAX_SKEW


class SignedRequests:
    """Says who signed a request, once for each signature. Safe between threads.

    1. The headers are parsed. 2. The key is looked up. 3. The time is checked. 4. The MAC is checked, in constant time
    and for an unknown key as well. 5. An expired or revoked key, or one of a disabled client, is refused. 6. The nonce
    is claimed, last, so that only the holder of a secret can use one up, and only one of its own.
    """

    def __init__(self, directory: Directory, nonces: Nonces, clock: Clock, rules: SignatureRules | None = None) -> None:
        self._directory = directory
        self._nonces = nonces
        self._clock = clock
        self._rules = rules or SignatureRules()
        self._nobodys_secret = secrets.token_bytes(32)

    def __call__(self, request: IncomingRequest) -> Principal:
        """The client that signed. Raises an Unauthenticated, Forbidden, DatabaseUnavailable or KeyUnavailable."""
        claims = _claims(request)
        holder = self._directory.holder(KeyId(claims.key_id))
        now = self._clock.now()
        signed_at = self._signing_time(claims.created, now)
        secret = self._nobodys_secret if holder is None else holder.secret
        fits = _fits(claims, request, secret)
        if holder is None:
            raise SignatureWrong("key_unknown")
        if not fits:
            raise SignatureWrong("mac")
        check_standing(holder, now)
        until = signed_at + self._rules.max_skew + _CLOCK_MARGIN
        if not self._nonces.claim(holder.key.id, claims.nonce, until=until):
            raise NonceReplayed("a request with this nonce was taken already; each request needs a nonce of its own")
        return Principal(
            client=holder.client,
            roles=holder.client.roles,
            actor=f"key:{holder.key.id}",
            content_sha256=claims.content_sha256 or signing.EMPTY_SHA256,
        )

    def _signing_time(self, created: int, now: datetime) -> datetime:
        """When the request says it was signed. Raises SignatureExpired."""
        seconds = self._rules.max_skew.total_seconds()
        if abs(now.timestamp() - created) > seconds:
            raise SignatureExpired(f"the signature was not made within {seconds:.0f} seconds of the server's time")
        return datetime.fromtimestamp(created, UTC)


def _claims(request: IncomingRequest) -> signing.SignatureClaims:
    try:
        claims = signing.parse(request.headers)
    except signing.SignatureAbsent as error:
        raise SignatureMissing(str(error)) from error
    except signing.SignatureError as error:
        raise SignatureMalformed(str(error)) from error
    if claims.content_sha256 is None and request.announces_body:
        raise SignatureMalformed("the signature does not cover the body: send and sign content-digest")
    return claims


def _fits(claims: signing.SignatureClaims, request: IncomingRequest, secret: bytes) -> bool:
    try:
        return signing.verify(claims, request.method, request.path, request.query, request.headers, secret)
    except signing.SignatureError as error:
        raise SignatureMalformed(str(error)) from error


def check_standing(holder: KeyHolder, now: datetime) -> None:
    """Raises KeyRevoked, KeyExpired, Forbidden."""
    if holder.key.revoked_at is not None:
        raise KeyRevoked("the key was revoked")
    if not holder.key.usable(now):
        raise KeyExpired("the key has expired")
    if holder.client.disabled_at is not None:
        raise Forbidden("the client is disabled")
