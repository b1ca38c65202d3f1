"""Letting in browsers: a link's token once, and after that the session that was given for it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from ocr_pipeline.domain.ids import KeyId
from ocr_pipeline.gateway.auth.directory import Directory, KeyHolder
from ocr_pipeline.gateway.auth.errors import NonceReplayed, SignatureExpired, SignatureWrong
from ocr_pipeline.gateway.auth.principal import Principal
from ocr_pipeline.gateway.auth.signed import check_standing
from ocr_pipeline.operations.visits import Purpose, VisitToken, make_token
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.nonces import Nonces

_NONCE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Session:
    """What a browser keeps, and until when."""

    token: str
    expires_at: datetime


class Visits:
    """Exchanges links for sessions, and says whose a session is. Safe between threads.

    Nothing is kept of a session: it ends with its time, with its key, or when its client is disabled, whichever comes
    first. It blocks: call it in a thread.
    """

    def __init__(self, directory: Directory, nonces: Nonces, clock: Clock, session: timedelta) -> None:
        self._directory = directory
        self._nonces = nonces
        self._clock = clock
        self._session = session
        self._nobodys_secret = secrets.token_bytes(32)

    def open(self, link_token: str) -> Session:
        """The session for a link, the first time. Raises as `principal`, and NonceReplayed for a link used before."""
        token, holder = self._proved(Purpose.LINK, link_token)
        if not self._nonces.claim(holder.key.id, token.nonce, until=token.expires_at):
            raise NonceReplayed("this link was followed before; have a new one made")
        until = self._clock.now() + self._session
        if holder.key.expires_at is not None:
            until = min(until, holder.key.expires_at)
        entropy = secrets.token_bytes(_NONCE_BYTES)
        return Session(make_token(Purpose.SESSION, holder.secret, KeyId(holder.key.id), until, entropy), until)

    def principal(self, session_token: str) -> Principal:
        """Whose session it is.

        Raises an Unauthenticated, Forbidden for a disabled client, DatabaseUnavailable or KeyUnavailable.
        """
        _, holder = self._proved(Purpose.SESSION, session_token)
        return Principal(holder.client, holder.client.roles, f"key:{holder.key.id}")

    def _proved(self, purpose: Purpose, text: str) -> tuple[VisitToken, KeyHolder]:
        token = VisitToken.parse(text)
        if token is None:
            raise SignatureWrong("token")
        holder = self._directory.holder(token.key_id)
        fits = token.fits(purpose, self._nobodys_secret if holder is None else holder.secret)
        if holder is None or not fits:
            raise SignatureWrong("key_unknown" if holder is None else "mac")
        now = self._clock.now()
        if now >= token.expires_at:
            raise SignatureExpired("this link or session is over; have a new link made")
        check_standing(holder, now)
        return token, holder
