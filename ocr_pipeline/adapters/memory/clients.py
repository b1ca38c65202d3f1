"""Clients, their keys and their webhook secrets in memory."""

from __future__ import annotations

from datetime import UTC, datetime

from ocr_pipeline.adapters.memory.transaction import Transaction
from ocr_pipeline.domain.clients import ApiKey, Client, WebhookSecret
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.ids import ClientId, KeyId

_NEVER = datetime.max.replace(tzinfo=UTC)


class MemoryClients:
    """Clients, the keys they sign with, and the secrets that webhooks to them are signed with."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, client: Client) -> None:
        """Insert. Raises Conflict for a known id."""
        self._transaction.lock("client", client.id)
        if self._transaction.clients.get(client.id) is not None:
            raise Conflict("a client with this id exists already")
        self._transaction.clients.put(client.id, client)

    def get(self, client_id: ClientId) -> Client:
        """Raises NotFound."""
        client = self._transaction.clients.get(client_id)
        if client is None:
            raise NotFound("no such client")
        return client

    def lock(self, client_id: ClientId) -> Client:
        """Hold, then read what the holder before left."""
        self._transaction.lock("client", client_id)
        return self.get(client_id)

    def save(self, client: Client) -> None:
        """Write every field. Raises NotFound."""
        self._transaction.lock("client", client.id)
        self.get(client.id)
        self._transaction.clients.put(client.id, client)

    def all(self) -> list[Client]:
        """In order of id."""
        return sorted(self._transaction.clients.rows(), key=lambda row: row.id)

    def add_key(self, key: ApiKey) -> None:
        """Insert. Raises Conflict for a known id, IntegrityError for an unknown client."""
        self._transaction.lock("api key", key.id)
        if self._transaction.api_keys.get(key.id) is not None:
            raise Conflict("a key with this id exists already")
        self._put_key(key)

    def key(self, key_id: KeyId) -> ApiKey:
        """Raises NotFound."""
        key = self._transaction.api_keys.get(key_id)
        if key is None:
            raise NotFound("no such key")
        return key

    def save_key(self, key: ApiKey) -> None:
        """Write every field. Raises NotFound."""
        self._transaction.lock("api key", key.id)
        self.key(key.id)
        self._put_key(key)

    def keys_of(self, client_id: ClientId) -> list[ApiKey]:
        """Oldest first."""
        found = [row for row in self._transaction.api_keys.rows() if row.client_id == client_id]
        return sorted(found, key=lambda row: (row.created_at, row.id))

    def put_webhook_secret(self, secret: WebhookSecret) -> None:
        """Write every field. Raises IntegrityError for an unknown client."""
        if self._transaction.clients.get(secret.client_id) is None:
            raise IntegrityError("a secret needs its client")
        self._transaction.webhook_secrets.put((secret.client_id, secret.id), secret)

    def webhook_secrets_of(self, client_id: ClientId) -> list[WebhookSecret]:
        """The one without an end first, then those that end last."""
        found = [row for row in self._transaction.webhook_secrets.rows() if row.client_id == client_id]
        return sorted(found, key=lambda row: row.expires_at or _NEVER, reverse=True)

    def _put_key(self, key: ApiKey) -> None:
        if self._transaction.clients.get(key.client_id) is None:
            raise IntegrityError("a key needs its client")
        self._transaction.api_keys.put(key.id, key)
