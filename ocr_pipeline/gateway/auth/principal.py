"""Who asks, once that is known."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.domain.clients import Client, Role
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.gateway.auth.body import BodyDigest


@dataclass(frozen=True, slots=True)
class Principal:
    """A client that proved itself, and what it may do with this request.

    `roles` are the client's, or those of them that its token carries. `actor` is how the audit trail names it:
    `key:<key id>` or `oidc:<client id>`. `content_sha256` (32 bytes) is what the body must hash to: the digest that
    was signed, that of an empty body where none was, and None only where nobody said (a token without Content-Digest).
    """

    client: Client
    roles: frozenset[Role]
    actor: str
    content_sha256: bytes | None = None

    @property
    def client_id(self) -> ClientId:
        """Whose documents these are."""
        return self.client.id

    def body_digest(self) -> BodyDigest:
        """What the body is to be held against while it streams in."""
        return BodyDigest(self.content_sha256)
