"""Rows of clients, their keys and their webhook secrets."""

from __future__ import annotations

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ocr_pipeline.adapters.postgres.front_door_tables import api_keys, clients, webhook_secrets
from ocr_pipeline.adapters.postgres.rows import Row, utc, utc_or_none
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.clients import Allowance, ApiKey, Client, Role, WebhookSecret
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId, KeyId, SecretId


class PostgresClients:
    """The `Clients` port over one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, client: Client) -> None:
        """Insert. Raises Conflict for a known id."""
        head = ChainHead()
        row = _client_to_row(client) | {"log_sequence": head.sequence, "log_head": head.hash}
        self._transaction.insert(insert(clients), [row])

    def get(self, client_id: ClientId) -> Client:
        """Raises NotFound."""
        row = self._transaction.first(select(clients).where(clients.c.id == client_id))
        if row is None:
            raise NotFound("no such client")
        return _client_from_row(row)

    def lock(self, client_id: ClientId) -> Client:
        """Wait for the row, hold it, and read what the holder before left. Raises NotFound."""
        row = self._transaction.first(select(clients).where(clients.c.id == client_id).with_for_update())
        if row is None:
            raise NotFound("no such client")
        return _client_from_row(row)

    def save(self, client: Client) -> None:
        """Write every field. Raises NotFound."""
        if not self._transaction.run(update(clients).where(clients.c.id == client.id).values(_client_to_row(client))):
            raise NotFound("no such client")

    def all(self) -> list[Client]:
        """In order of id, as Python orders text."""
        found = self._transaction.all(select(clients).order_by(clients.c.id.collate("C")))
        return [_client_from_row(row) for row in found]

    def add_key(self, key: ApiKey) -> None:
        """Insert. Raises Conflict for a known id, IntegrityError for an unknown client."""
        self._transaction.insert(insert(api_keys), [_key_to_row(key)])

    def key(self, key_id: KeyId) -> ApiKey:
        """Raises NotFound."""
        row = self._transaction.first(select(api_keys).where(api_keys.c.id == key_id))
        if row is None:
            raise NotFound("no such key")
        return _key_from_row(row)

    def save_key(self, key: ApiKey) -> None:
        """Write every field. Raises NotFound."""
        if not self._transaction.run(update(api_keys).where(api_keys.c.id == key.id).values(_key_to_row(key))):
            raise NotFound("no such key")

    def keys_of(self, client_id: ClientId) -> list[ApiKey]:
        """Oldest first."""
        found = self._transaction.all(
            select(api_keys).where(api_keys.c.client_id == client_id).order_by(api_keys.c.created_at, api_keys.c.id)
        )
        return [_key_from_row(row) for row in found]

    def put_webhook_secret(self, secret: WebhookSecret) -> None:
        """Insert or write every field. Raises IntegrityError for an unknown client."""
        row = _secret_to_row(secret)
        self._transaction.run(
            upsert(webhook_secrets).values(row).on_conflict_do_update(constraint="webhook_secrets_pkey", set_=row)
        )

    def webhook_secrets_of(self, client_id: ClientId) -> list[WebhookSecret]:
        """The one without an end first, then those that end last."""
        found = self._transaction.all(
            select(webhook_secrets)
            .where(webhook_secrets.c.client_id == client_id)
            .order_by(webhook_secrets.c.expires_at.desc().nulls_first())
        )
        return [_secret_from_row(row) for row in found]


def _client_to_row(client: Client) -> Row:
    return {
        "id": client.id,
        "roles": sorted(role.value for role in client.roles),
        "created_at": client.created_at,
        "requests_per_minute": client.allowance.requests_per_minute,
        "burst": client.allowance.burst,
        "queued_pages": client.allowance.queued_pages,
        "sources": list(client.sources),
        "disabled_at": client.disabled_at,
    }


def _client_from_row(row: RowMapping) -> Client:
    return Client(
        id=ClientId(row["id"]),
        roles=frozenset(map(Role, row["roles"])),
        created_at=utc(row["created_at"]),
        allowance=Allowance(row["requests_per_minute"], row["burst"], row["queued_pages"]),
        sources=tuple(row["sources"]),
        disabled_at=utc_or_none(row["disabled_at"]),
    )


def _key_to_row(key: ApiKey) -> Row:
    return {
        "id": key.id,
        "client_id": key.client_id,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def _key_from_row(row: RowMapping) -> ApiKey:
    return ApiKey(
        id=KeyId(row["id"]),
        client_id=ClientId(row["client_id"]),
        created_at=utc(row["created_at"]),
        expires_at=utc_or_none(row["expires_at"]),
        revoked_at=utc_or_none(row["revoked_at"]),
    )


def _secret_to_row(secret: WebhookSecret) -> Row:
    return {
        "client_id": secret.client_id,
        "id": secret.id,
        "expires_at": secret.expires_at,
    }


def _secret_from_row(row: RowMapping) -> WebhookSecret:
    return WebhookSecret(
        id=SecretId(row["id"]),
        client_id=ClientId(row["client_id"]),
        expires_at=utc_or_none(row["expires_at"]),
    )
