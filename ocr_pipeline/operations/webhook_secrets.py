"""The secrets by which clients know that a webhook is ours: one at a time, and several while one takes over.

As with keys no secret is stored: it is derived from the key provider's secret for the client and from an id. The id of
each but the first is random, so that no secret that ended is ever made again, not even after a restore.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ocr_pipeline.domain.access import AccessEntry, AccessKind
from ocr_pipeline.domain.clients import FIRST_SECRET, WebhookSecret
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import ClientId, SecretId
from ocr_pipeline.operations.access import OVERLAP, InvalidAccess
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault

MAX_USABLE_SECRETS = 5
"""Secrets of one client that sign at the same time: each makes every message longer."""

_ID_BYTES = 15


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """What a client checks webhooks with: `whsec_` and base64 of 32 bytes, as Standard Webhooks has it.

    `earlier_until`: when the last of those before it stops signing too; None once there is none.
    """

    text: str = field(repr=False)
    earlier_until: datetime | None


class ManageWebhookSecrets:
    """Tells and rotates the webhook secrets of clients, in the name of `actor`, and keeps the log of it.

    `entropy` gives so many random bytes. Where the key provider is away it raises KeyUnavailable and changes nothing.
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

    def current(self, client_id: ClientId) -> SigningSecret:
        """The newest secret of a client. Raises NotFound."""
        now = self._clock.now()
        with self._records() as uow:
            uow.clients.get(client_id)
            newest, *earlier = usable_secrets(uow, client_id, now)
        return self._told(newest, earlier)

    def rotate(self, client_id: ClientId, *, overlap: timedelta = OVERLAP) -> SigningSecret:
        """A new secret. Those before it sign beside it until `overlap` is over, or sooner where they would have ended.

        Raises NotFound, InvalidAccess, and Conflict where more than MAX_USABLE_SECRETS would sign.
        """
        if overlap < timedelta(0):
            raise InvalidAccess("the overlap cannot be negative")
        now = self._clock.now()
        new = WebhookSecret(self._new_id(), client_id)
        with self._records() as uow:
            uow.clients.lock(client_id)
            old = usable_secrets(uow, client_id, now)
            left = [_ending(each, now + overlap) for each in old]
            signing = [each for each in left if each.usable(now)]
            if len(signing) >= MAX_USABLE_SECRETS:
                raise Conflict(
                    f"the client has {MAX_USABLE_SECRETS} secrets that sign: wait until one ends, or leave no overlap"
                )
            told = self._told(new, signing)
            for before, after in zip(old, left, strict=True):
                if after != before:
                    self._put(uow, after, AccessKind.SECRET_ENDING, now)
            self._put(uow, new, AccessKind.SECRET_CREATED, now)
            uow.commit()
        return told

    def _told(self, newest: WebhookSecret, earlier: Sequence[WebhookSecret]) -> SigningSecret:
        derived = derive_secret(self._vault, newest)
        ends = [each.expires_at for each in earlier if each.expires_at is not None]
        return SigningSecret("whsec_" + base64.b64encode(derived).decode(), max(ends, default=None))

    def _put(self, uow: UnitOfWork, secret: WebhookSecret, kind: AccessKind, now: datetime) -> None:
        uow.clients.put_webhook_secret(secret)
        expires = None if secret.expires_at is None else secret.expires_at.isoformat()
        details = (("secret", secret.id), ("expires_at", expires))
        uow.access_log.append(AccessEntry(secret.client_id, kind, now, self._actor, details))

    def _new_id(self) -> SecretId:
        return SecretId(base64.b32encode(self._entropy(_ID_BYTES)).decode().lower())


def usable_secrets(uow: UnitOfWork, client_id: ClientId, now: datetime) -> list[WebhookSecret]:
    """What webhooks to a client are signed with now, the newest first; there is always one."""
    kept = uow.clients.webhook_secrets_of(client_id)
    return [each for each in kept if each.usable(now)] or [WebhookSecret(FIRST_SECRET, client_id)]


def derive_secret(vault: Vault, secret: WebhookSecret) -> bytes:
    """The secret itself (32 bytes). Raises KeyUnavailable."""
    label = "webhook" if secret.id == FIRST_SECRET else f"webhook/{secret.id}"
    return vault.secret(secret.client_id, label)


def _ending(secret: WebhookSecret, at: datetime) -> WebhookSecret:
    return replace(secret, expires_at=at if secret.expires_at is None else min(at, secret.expires_at))
