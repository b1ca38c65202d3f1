"""Forgetting what is remembered for a while only: idempotency keys, known pages, webhooks, signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.nonces import Nonces
from ocr_pipeline.ports.records import Records


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a request is known by its idempotency key, a page by its image, and a webhook after it ended."""

    idempotency: timedelta
    known_pages: timedelta
    webhooks: timedelta


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many of each were dropped."""

    idempotency_keys: int
    known_pages: int
    webhooks: int
    nonces: int


class ForgetOld:
    """Drops what is older than its lifetime. Safe to run at any time and from several places at once."""

    def __init__(self, records: Records, nonces: Nonces, clock: Clock, lifetimes: Lifetimes) -> None:
        self._records = records
        self._nonces = nonces
        self._clock = clock
        self._lifetimes = lifetimes

    def __call__(self) -> Forgotten:
        """Raises DatabaseUnavailable."""
        now = self._clock.now()
        with self._records() as uow:
            keys = uow.idempotency.forget(now - self._lifetimes.idempotency)
            pages = uow.known_pages.forget_before(now - self._lifetimes.known_pages)
            webhooks = uow.webhooks.forget_before(now - self._lifetimes.webhooks)
            uow.commit()
        return Forgotten(keys, pages, webhooks, self._nonces.forget(now))
