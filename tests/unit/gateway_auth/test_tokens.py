"""Tokens of an identity provider: taken when everything about them is right, and only then."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from ocr_pipeline import signing
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.errors import ConfigurationError, Unavailable
from ocr_pipeline.gateway.auth import (
    BearerTokens,
    Forbidden,
    JwksKeys,
    Principal,
    SignatureMalformed,
    TokenInvalid,
    TokenRules,
    jwks,
)
from tests.unit.gateway_auth.door import HOSPITAL, Door, Signed
from tests.unit.gateway_auth.provider import AUDIENCE, Provider, ProviderKey, serving


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(Provider(keys=[ProviderKey.new("one")])) as there:
        yield there


class TokenDoor(Door):
    """A front door that takes the provider's tokens."""

    def __init__(self, provider: Provider, *, pause: float = 0.0, lifetime: float = 300.0, **rules: object) -> None:
        super().__init__()
        wanted = TokenRules(issuer=provider.issuer, audience=AUDIENCE, **rules)  # type: ignore[arg-type]
        keys = JwksKeys(provider.address, pause=pause, lifetime=lifetime)
        self.authenticator = self.with_tokens(BearerTokens(wanted, keys, self.directory))

    def show(self, token: str, *headers: tuple[str, str]) -> Principal:
        return self.enter(Signed("GET", "/v1/documents", "", [("Authorization", f"Bearer {token}"), *headers]))

    def refuses(self, token: str) -> None:
        with pytest.raises(TokenInvalid):
            self.show(token)


def test_a_good_token_lets_its_client_in(provider: Provider) -> None:
    principal = TokenDoor(provider).show(provider.token())
    assert principal.client_id == HOSPITAL
    assert principal.actor == "oidc:hospital-a"
    assert principal.content_sha256 is None


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "PS256", "EdDSA"])
def test_signatures_of_public_keys_are_taken(algorithm: str) -> None:
    with serving(Provider(keys=[ProviderKey.new("one", algorithm)])) as provider:
        assert TokenDoor(provider).show(provider.token()).client_id == HOSPITAL


def test_a_token_that_nobody_signed_is_refused(provider: Provider) -> None:
    door = TokenDoor(provider)
    door.refuses(jwt.encode(provider.claims(), "", "none", headers={"kid": "one"}))
    head, body, _ = provider.token().split(".")
    door.refuses(f"{head}.{body}.")
    assert provider.asked <= 1


def test_the_public_key_is_no_shared_secret(provider: Provider) -> None:
    public = provider.keys[0].private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(provider.keys[0].public).encode(), provider.served()):
        door = TokenDoor(provider)
        door.refuses(_with_hmac(provider, secret))


def test_a_shared_secret_among_the_keys_is_not_used(provider: Provider) -> None:
    secret = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    published = {"keys": [{"kty": "oct", "kid": "one", "k": secret, "alg": "HS256"}]}
    provider.body = json.dumps(published).encode()
    TokenDoor(provider).refuses(_with_hmac(provider, bytes(32)))


def test_a_key_signs_with_its_own_algorithm_alone() -> None:
    with serving(Provider(keys=[ProviderKey.new("one", "RS256")])) as provider:
        swapped = ProviderKey("one", "PS256", provider.keys[0].private)
        TokenDoor(provider).refuses(provider.token(swapped))


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://identity.other"},
        {"iss": None},
        {"iss": ["https://identity.example"]},
        {"aud": "another-service"},
        {"aud": None},
        {"aud": []},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"azp": None},
        {"azp": 7},
        {"azp": ""},
    ],
)
def test_every_claim_must_be_right(provider: Provider, wrong: dict[str, object]) -> None:
    TokenDoor(provider).refuses(_signed_with(provider, provider.claims(**wrong)))


def test_clocks_may_differ_by_the_leeway(provider: Provider) -> None:
    door, now = TokenDoor(provider, leeway=2000.0), int(time.time())
    assert door.show(provider.token(exp=now - 1000)).client_id == HOSPITAL
    assert door.show(provider.token(nbf=now + 1000)).client_id == HOSPITAL
    door.refuses(provider.token(exp=now - 3000))
    door.refuses(provider.token(nbf=now + 3000))


def test_one_of_several_audiences_is_enough(provider: Provider) -> None:
    assert TokenDoor(provider).show(provider.token(aud=["x", AUDIENCE])).client_id == HOSPITAL


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "." * 20, "A" * 20_000, "e30.e30.AA"])
def test_what_is_no_token_is_refused(provider: Provider, token: str) -> None:
    TokenDoor(provider).refuses(token)
    assert provider.asked == 0


def test_a_token_of_somebody_elses_key_is_refused(provider: Provider) -> None:
    door = TokenDoor(provider)
    door.refuses(provider.token(ProviderKey.new("one")))
    door.refuses(provider.token(ProviderKey.new("unknown")))


def test_a_token_names_its_key(provider: Provider) -> None:
    key = provider.keys[0]
    TokenDoor(provider).refuses(jwt.encode(provider.claims(), key.private, key.algorithm))


def test_a_refusal_does_not_repeat_the_token(provider: Provider) -> None:
    with pytest.raises(TokenInvalid) as raised:
        TokenDoor(provider).show(provider.token(iss="https://hong.gildong"))
    assert "gildong" not in str(raised.value)
    assert "gildong" not in raised.value.cause


def test_a_new_key_of_the_provider_is_found(provider: Provider) -> None:
    door = TokenDoor(provider)
    door.show(provider.token())
    provider.keys.insert(0, ProviderKey.new("two"))
    assert door.show(provider.token()).client_id == HOSPITAL
    assert door.show(provider.token(provider.keys[1])).client_id == HOSPITAL
    assert provider.asked == 2


def test_the_keys_are_fetched_once_for_many_tokens(provider: Provider) -> None:
    door = TokenDoor(provider)
    for _ in range(5):
        door.show(provider.token())
    assert provider.asked == 1


def test_unknown_keys_do_not_have_them_fetched_again_and_again(provider: Provider) -> None:
    door = TokenDoor(provider, pause=3600)
    for number in range(10):
        door.refuses(provider.token(ProviderKey.new(f"unknown-{number}")))
    assert provider.asked == 1
    assert door.show(provider.token()).client_id == HOSPITAL


def test_a_provider_that_is_away_is_no_fault_of_the_token() -> None:
    with serving(Provider(keys=[ProviderKey.new("one")])) as provider:
        pass
    door = TokenDoor(provider)
    for _ in range(2):
        with pytest.raises(Unavailable) as raised:
            door.show(provider.token())
        assert raised.value.code == "unavailable"


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_provider_that_fails_is_away(provider: Provider, status: int) -> None:
    provider.status = status
    with pytest.raises(Unavailable):
        TokenDoor(provider).show(provider.token())


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "x"}]}', b"\xff"])
def test_a_provider_that_gives_out_no_keys_is_away(provider: Provider, body: bytes) -> None:
    provider.body = body
    with pytest.raises(Unavailable):
        TokenDoor(provider).show(provider.token())


def test_known_keys_go_on_working_while_the_provider_is_away(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "_PAUSE_AFTER_FAILURE", 3600.0)
    door = TokenDoor(provider)
    door.show(provider.token())
    provider.status = 500
    assert door.show(provider.token()).client_id == HOSPITAL
    with pytest.raises(Unavailable):
        door.show(provider.token(ProviderKey.new("two")))
    asked = provider.asked
    with pytest.raises(Unavailable):
        door.show(provider.token(ProviderKey.new("three")))
    assert provider.asked == asked
    assert door.show(provider.token()).client_id == HOSPITAL


def test_roles_are_those_that_token_and_client_share(provider: Provider) -> None:
    door = TokenDoor(provider)
    assert door.show(provider.token(roles=["submitter", "operator", "x"])).roles == {Role.SUBMITTER}
    assert door.show(provider.token(roles=["operator"])).roles == frozenset()
    for nothing in (None, 7, {"submitter": True}, [["submitter"]], ["Submitter"]):
        assert door.show(provider.token(roles=nothing)).roles == frozenset()


@pytest.mark.parametrize(
    ("rules", "claims"),
    [
        ({"roles_claim": "scope"}, {"scope": "openid submitter"}),
        ({"roles_claim": "realm_access.roles"}, {"realm_access": {"roles": ["submitter"]}}),
        ({"roles_claim": "https://ocr.example/roles"}, {"https://ocr.example/roles": ["submitter"]}),
        ({"role_names": {"ocr-upload": Role.SUBMITTER}}, {"roles": ["ocr-upload", "reviewer"]}),
        ({"client_claims": ("appid",)}, {"appid": "hospital-a", "azp": "clinic-b"}),
        ({}, {"azp": None, "client_id": "hospital-a"}),
    ],
)
def test_claims_may_have_other_names(provider: Provider, rules: dict[str, object], claims: dict[str, object]) -> None:
    principal = TokenDoor(provider, **rules).show(provider.token(**claims))  # type: ignore[arg-type]
    assert principal.client_id == HOSPITAL
    assert principal.roles == {Role.SUBMITTER}


def test_the_client_must_be_known_and_enabled_here(provider: Provider) -> None:
    door = TokenDoor(provider)
    with pytest.raises(Forbidden):
        door.show(provider.token(azp="nobody"))
    door.clients.disable(HOSPITAL)
    with pytest.raises(Forbidden):
        door.show(provider.token())


def test_a_digest_that_comes_with_a_token_is_to_be_checked(provider: Provider) -> None:
    door, digest = TokenDoor(provider), hashlib.sha256(b"scan").digest()
    assert door.show(provider.token(), ("Content-Digest", signing.content_digest(digest))).content_sha256 == digest
    with pytest.raises(SignatureMalformed):
        door.show(provider.token(), ("Content-Digest", "x"))


def test_two_tokens_are_none(provider: Provider) -> None:
    with pytest.raises(SignatureMalformed):
        TokenDoor(provider).show(provider.token(), ("authorization", f"Bearer {provider.token()}"))


def test_signed_requests_are_taken_beside_tokens(provider: Provider) -> None:
    door = TokenDoor(provider)
    assert door.enter(door.signed()).actor.startswith("key:ock_")


def test_keys_are_fetched_over_http_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        JwksKeys((tmp_path / "jwks").as_uri())


def _signed_with(provider: Provider, claims: dict[str, object]) -> str:
    """PyJWT will not encode what is wrong on purpose: the bytes are signed as they are."""
    key = provider.keys[0]
    jws = jwt.PyJWS()
    return jws.encode(json.dumps(claims).encode(), key.private, key.algorithm, headers={"kid": key.key_id})


def _with_hmac(provider: Provider, secret: bytes) -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "HS256", "kid": "one"}, provider.claims())
    )
    mac = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
