"""What the gateway needs of the world beside the pipeline itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

from ocr_pipeline.adapters.postgres.nonces import PostgresNonces
from ocr_pipeline.adapters.postgres.rate_buckets import PostgresBuckets
from ocr_pipeline.bootstrap.application import Application
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.operations.forget import ForgetOld, Lifetimes
from ocr_pipeline.operations.notify import SendWebhooks
from ocr_pipeline.ports.nonces import Nonces
from ocr_pipeline.ports.rate_limits import RateLimiter
from ocr_pipeline.ports.webhooks import WebhookSender


@dataclass(frozen=True, slots=True)
class FrontDoor:
    """Shared by all gateway processes: what each client asked for, which signatures were seen, what is to be sent."""

    limiter: RateLimiter
    nonces: Nonces
    webhooks: WebhookSender
    notify: SendWebhooks
    forget: ForgetOld


def front_door(
    pipeline: Application, stack: ExitStack, *, counted_alone: Callable[[], None] = lambda: None
) -> FrontDoor:
    """The front door of an open pipeline. What must be closed is handed to the stack.

    `counted_alone` is called for each request that this process judges alone, as Valkey does not answer.
    """
    from ocr_pipeline.adapters.webhooks.sender import HttpWebhookSender

    settings, nonces = pipeline.settings, PostgresNonces(pipeline.records.engine)
    timeout = timedelta(seconds=settings.webhooks.timeout_seconds)
    sender = HttpWebhookSender(
        timeout=timeout,
        allow_http=settings.webhooks.allow_http,
        allow_private=settings.webhooks.allow_private,
    )
    stack.callback(sender.close)
    lifetimes = Lifetimes(
        idempotency=timedelta(hours=settings.gateway.idempotency_hours),
        known_pages=timedelta(days=settings.gateway.response_cache_days),
        webhooks=timedelta(days=settings.webhooks.keep_days),
    )
    return FrontDoor(
        limiter=_limiter(pipeline, stack, counted_alone),
        nonces=nonces,
        webhooks=sender,
        notify=SendWebhooks(pipeline.records, pipeline.vault, sender, pipeline.clock, timeout=timeout),
        forget=ForgetOld(pipeline.records, nonces, pipeline.clock, lifetimes),
    )


def _limiter(pipeline: Application, stack: ExitStack, counted_alone: Callable[[], None]) -> RateLimiter:
    gateway = pipeline.settings.gateway
    if gateway.limiter == "postgres":
        return PostgresBuckets(pipeline.records.engine)
    from ocr_pipeline.adapters.limits import FallbackLimiter, MemoryLimiter, ValkeyLimiter

    if gateway.limiter == "memory":
        return MemoryLimiter()
    if gateway.valkey_url is None:
        raise ConfigurationError("gateway.valkey_url is not set")
    shared = ValkeyLimiter(gateway.valkey_url.get_secret_value())
    stack.callback(shared.close)
    return FallbackLimiter(shared, MemoryLimiter(), counted=counted_alone)
