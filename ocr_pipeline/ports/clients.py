"""Rows of clients and their keys."""

from __future__ import annotations

from typing import Protocol

from ocr_pipeline.domain.clients import ApiKey, Client
from ocr_pipeline.domain.ids import ClientId, KeyId


class Clients(Protocol):
    """Clients, and the keys they sign with."""

    def add(self, client: Client) -> None:
        """Insert. Raises Conflict for a known id."""
        ...

    def get(self, client_id: ClientId) -> Client:
        """Raises NotFound."""
        ...

    def lock(self, client_id: ClientId) -> Client:
        """As `get`, and hold the client and its keys against others until the unit of work ends."""
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
