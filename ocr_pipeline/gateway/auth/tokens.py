"""Letting in by an access token of an OpenID Connect provider (RFC 6750, RFC 9068 with the names of claims free)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.gateway.auth.directory import Directory
from ocr_pipeline.gateway.auth.errors import Forbidden, SignatureMalformed, TokenInvalid
from ocr_pipeline.gateway.auth.incoming import IncomingRequest
from ocr_pipeline.gateway.auth.jwks import JwksKeys
from ocr_pipeline.gateway.auth.principal import Principal
from ocr_pipeline.signing import SignatureError, parse_content_digest

ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
"""Public-key signatures alone: with one of a shared secret, the provider's public key would be that secret."""

_MAX_TOKEN = 16_384


def _own_names() -> dict[str, Role]:
    return {role.value: role for role in Role}


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are taken.

    `client_claims` are tried in order for the client's id. `roles_claim` is a claim, or a path of them with dots
    (`realm_access.roles`), that holds names, in a list or with blanks between; `role_names` says what each name means
    here, and others mean nothing. `leeway` is in seconds, for clocks that differ.
    """

    issuer: str
    audience: str
    client_claims: tuple[str, ...] = ("azp", "client_id")
    roles_claim: str = "roles"
    role_names: Mapping[str, Role] = field(default_factory=_own_names)
    leeway: float = 30.0


class BearerTokens:
    """Says whose token a request carries. Safe between threads."""

    def __init__(self, rules: TokenRules, keys: JwksKeys, directory: Directory) -> None:
        self._rules = rules
        self._keys = keys
        self._directory = directory

    def __call__(self, request: IncomingRequest, token: str) -> Principal:
        """The client of the token, with the roles that both it and the token have.

        Raises TokenInvalid, Forbidden for a client that is not known here or disabled, Unavailable.
        """
        claims = self._claims(token)
        client = self._directory.client(self._client_id(claims))
        if client is None:
            raise Forbidden("the token's client is not known here")
        if client.disabled_at is not None:
            raise Forbidden("the client is disabled")
        return Principal(
            client=client,
            roles=client.roles & self._roles(claims),
            actor=f"oidc:{client.id}",
            content_sha256=_announced_digest(request),
        )

    def _claims(self, token: str) -> dict[str, Any]:
        """What the token says, once its signature, issuer, audience and time are right."""
        if len(token) > _MAX_TOKEN:
            raise TokenInvalid("the token is too long", cause="length")
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            if header.get("alg") not in ALGORITHMS or not isinstance(key_id, str):
                raise TokenInvalid("the token is not signed as it must be", cause="algorithm")
            return jwt.decode(
                token,
                self._keys.key(key_id),
                algorithms=ALGORITHMS,
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                leeway=self._rules.leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            # PyJWT's own words may repeat what the token says.
            raise TokenInvalid("the token is not valid here, or not any more", cause=type(error).__name__) from error

    def _client_id(self, claims: Mapping[str, Any]) -> ClientId:
        for name in self._rules.client_claims:
            found = claims.get(name)
            if isinstance(found, str) and found:
                return ClientId(found)
        raise TokenInvalid("the token names no client", cause="no_client")

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[Role]:
        found = _at(claims, self._rules.roles_claim)
        names = found.split() if isinstance(found, str) else found if isinstance(found, list) else []
        known = self._rules.role_names
        return frozenset(known[name] for name in names if isinstance(name, str) and name in known)


def _at(claims: Mapping[str, Any], path: str) -> object:
    """A claim by its name, which may itself hold dots, or by a path of names."""
    if path in claims:
        return claims[path]
    first, _, rest = path.partition(".")
    inner = claims.get(first)
    return _at(inner, rest) if rest and isinstance(inner, Mapping) else None


def _announced_digest(request: IncomingRequest) -> bytes | None:
    """A token signs no body, but who sends a digest along wants it checked."""
    value = request.header("content-digest")
    try:
        return None if value is None else parse_content_digest(value)
    except SignatureError as error:
        raise SignatureMalformed(str(error)) from error
