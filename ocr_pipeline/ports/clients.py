"""Rows of clients, their keys and their webhook secrets."""

from __future__ import annotations

from typing import Protocol

from ocr_pipeline.domain.clients import ApiKey, Client, WebhookSecret
from ocr_pipeline.domain.ids import ClientId, KeyId


class Clients(Protocol):
    """Clients, the keys they sign with, and the secrets that webhooks to them are signed with."""

    def add(self, client: Client) -> None:
        """Insert. Raises Conflict for a known id."""
        ...

    def get(self, client_id: ClientId) -> Client:
        """Raises NotFound."""
        ...

    def lock(self, client_id: ClientId) -> Client:
        """As `get`, and hold the client, its keys and its secrets against others until the unit of work ends."""
        ...

    def save(self, client: Client) -> None:
        """Write every field of a known client. Raises NotFound."""
        ...

    def all(self) -> list[Client]:
        """Every client, in order of id."""
        ...

    def add_key(self, key: ApiKey) -> None:
        """Insert a key of a known client. Raises Conflict for a known id."""
        ...

    def key(self, key_id: KeyId) -> ApiKey:
        """Raises NotFound."""
        ...

    def save_key(self, key: ApiKey) -> None:
        """Write every field of a known key. Raises NotFound."""
        ...

    def keys_of(self, client_id: ClientId) -> list[ApiKey]:
        """Every key of a client, oldest first."""
        ...

    def put_webhook_secret(self, secret: WebhookSecret) -> None:
        """Write every field of a secret of a known client, known or new."""
        ...

    def webhook_secrets_of(self, client_id: ClientId) -> list[WebhookSecret]:
        """Every secret of a client that has a row, the newest (which has no end) first."""
        ...
