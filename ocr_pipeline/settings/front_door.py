"""The HTTP front door: bounds, tokens, webhooks."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.settings.group import Group


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    if parts.scheme != "http":
        return parts.scheme == "https" and bool(parts.hostname)
    try:
        return parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


class GatewaySettings(Group):
    """The HTTP front door: bounds on bodies and waiting, and where all its processes count what clients ask for.

    `limiter` is `valkey` for a Valkey or Redis server at `valkey_url`; `memory` counts in each process alone.
    `max_lane_depth` messages in a lane turn new documents away; `max_streams` bounds requests that wait for progress,
    and `max_streams_of_a_client` those of each client.
    With `response_cache` a page that was read before for the same client is not read again for `response_cache_days`.
    """

    max_clock_skew_seconds: float = Field(300.0, gt=0)
    idle_body_seconds: float = Field(15.0, gt=0)
    body_seconds: float = Field(120.0, gt=0)
    max_wait_seconds: float = Field(60.0, ge=0)
    max_streams: int = Field(500, ge=1)
    max_streams_of_a_client: int = Field(100, ge=1)
    poll_seconds: float = Field(0.5, gt=0)
    limiter: Literal["postgres", "valkey", "memory"] = "postgres"
    valkey_url: SecretStr | None = None
    max_lane_depth: int = Field(50_000, ge=1)
    idempotency_hours: float = Field(24.0, gt=0)
    response_cache: bool = True
    response_cache_days: float = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _valkey_is_named(self) -> Self:
        if self.limiter == "valkey" and self.valkey_url is None:
            raise ValueError("gateway.limiter valkey needs gateway.valkey_url")
        return self


class OidcSettings(Group):
    """Bearer tokens of an OpenID Connect provider, beside signed requests. Without an issuer none are taken.

    `role_names` says what each of the provider's names for roles means here, as {"ocr-upload": "submitter"}; without
    it they are this project's own. `leeway_seconds` allows for clocks that differ.
    """

    issuer: str | None = None
    audience: str | None = None
    jwks_url: str | None = None
    client_claim: str | None = None
    roles_claim: str = "roles"
    role_names: dict[str, Role] = Field(default_factory=dict)
    leeway_seconds: float = Field(30.0, ge=0, le=300)

    @field_validator("jwks_url")
    @classmethod
    def _keys_come_unaltered(cls, address: str | None) -> str | None:
        """Whoever can change the keys on their way lets in whom they like."""
        if address is not None and not _is_safe(address):
            raise ValueError("oidc.jwks_url must be https, or http to this machine itself")
        return address

    @model_validator(mode="after")
    def _audience_is_named(self) -> Self:
        if self.issuer is not None and (self.audience is None or self.jwks_url is None):
            raise ValueError("oidc.issuer needs oidc.audience and oidc.jwks_url")
        return self


class WebhookSettings(Group):
    """Messages to clients: how long a receiver may take, how often the sweep looks, and where they may go.

    `allow_http` and `allow_private` let them go to plain HTTP and to addresses that are not public. The log of
    deliveries is kept for `keep_days` after the last try.
    """

    timeout_seconds: float = Field(10.0, gt=0)
    interval_seconds: float = Field(2.0, gt=0)
    allow_http: bool = False
    allow_private: bool = False
    keep_days: float = Field(30.0, gt=0)
