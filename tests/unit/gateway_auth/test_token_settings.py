"""What the settings say of an identity provider, and what becomes of it at the door."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.gateway import asgi
from ocr_pipeline.gateway.auth import TokenRules
from ocr_pipeline.settings import Settings

KEYS = "https://login.example/keys"


def oidc(**changes: Any) -> dict[str, Any]:
    return {"issuer": "https://login.example", "audience": "ocr", "jwks_url": KEYS, **changes}


@pytest.mark.parametrize(
    "address",
    [KEYS, "https://10.0.0.1:8443/keys", "http://localhost:8080/keys", "http://127.0.0.2/keys", "http://[::1]:1/keys"],
)
def test_keys_come_by_https_or_from_this_machine(address: str) -> None:
    assert Settings(oidc=oidc(jwks_url=address)).oidc.jwks_url == address


@pytest.mark.parametrize(
    "address",
    [
        "http://login.example/keys",
        "http://localhost.example/keys",
        "http://127.0.0.1.example/keys",
        "http://127.0.0.1@login.example/keys",
        "http://10.0.0.1/keys",
        "file:///etc/keys",
        "https:///keys",
        "login.example/keys",
        "",
    ],
)
def test_other_addresses_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValidationError, match="must be https") as raised:
        Settings(oidc=oidc(jwks_url=address))
    assert "login.example" not in str(raised.value)


@pytest.mark.parametrize("changes", [{"leeway_seconds": -1}, {"leeway_seconds": 3_600}, {"role_names": {"a": "king"}}])
def test_what_means_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(oidc=oidc(**changes))


def test_the_door_goes_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of roles and the leeway reach the rules; without names they are this project's own."""
    taken: list[TokenRules] = []
    monkeypatch.setattr(asgi, "BearerTokens", lambda rules, *_: taken.append(rules))
    monkeypatch.setattr(asgi, "SignedRequests", lambda *_: None)
    nothing = cast(Any, SimpleNamespace(nonces=None, clock=None))
    for changes in (
        {},
        {"role_names": {"ocr-upload": "submitter"}, "leeway_seconds": 5, "client_claim": "sub", "roles_claim": "a.b"},
    ):
        asgi._authenticator(Settings(oidc=oidc(**changes)), nothing, nothing, nothing)
    own, named = taken
    assert own.role_names == {role.value: role for role in Role}
    assert (own.leeway, own.client_claims, own.roles_claim) == (30, ("azp", "client_id"), "roles")
    assert named.role_names == {"ocr-upload": Role.SUBMITTER}
    assert (named.leeway, named.client_claims, named.roles_claim) == (5, ("sub",), "a.b")
