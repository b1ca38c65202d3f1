"""A caller that is not let in, or may not do what it asks, is told in the words of the standards what was wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.ids import ClientId
from tests.gateway_fixtures import Gateway, OpenGateway
from tests.gateway_requests import problem
from tests.unit.gateway_auth.provider import AUDIENCE, Provider, ProviderKey, serving

ISSUER = "https://identity.example"
REALM = 'realm="ocr-pipeline"'
CLIENT = ClientId("hospital-a")


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(Provider(keys=[ProviderKey.new("one")])) as there:
        yield there


@pytest.fixture
def gateway(open_gateway: OpenGateway, provider: Provider) -> Gateway:
    """One that takes the provider's tokens, and knows a client."""
    running = open_gateway(oidc={"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": provider.address})
    running.issue(CLIENT, roles=(Role.SUBMITTER,))
    return running


def ask(gateway: Gateway, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with gateway.anybody() as client:
        return client.get("/v1/documents", headers=headers)


def test_who_shows_nothing_is_told_what_is_taken(gateway: Gateway) -> None:
    assert ask(gateway, None).headers["WWW-Authenticate"] == f"Signature {REALM}, Bearer {REALM}"


@pytest.mark.parametrize("wrong", [{"exp": int(time.time()) - 3600}, {"aud": "another"}])
def test_a_token_that_is_not_taken_is_called_invalid(
    gateway: Gateway, provider: Provider, wrong: dict[str, Any]
) -> None:
    """RFC 6750, section 3.1: by this a client knows that a new token may do."""
    answer = ask(gateway, provider.token(**wrong))
    assert problem(answer) == (401, "token_invalid")
    assert answer.headers["WWW-Authenticate"] == f'Signature {REALM}, Bearer {REALM}, error="invalid_token"'


def test_a_token_without_the_role_is_said_to_lack_it(gateway: Gateway, provider: Provider) -> None:
    assert ask(gateway, provider.token()).status_code == 200
    answer = ask(gateway, provider.token(roles=["auditor"]))
    assert problem(answer) == (403, "forbidden")
    assert answer.headers["WWW-Authenticate"] == f'Bearer {REALM}, error="insufficient_scope"'


def test_a_key_without_the_role_is_asked_for_nothing(gateway: Gateway) -> None:
    with gateway.client("clinic", roles=(Role.AUDITOR,)) as client:
        answer = client.get("/v1/documents/01890a5d-ac96-774b-bcce-b302099a8057/text")
    assert problem(answer) == (403, "forbidden")
    assert "WWW-Authenticate" not in answer.headers


def test_what_is_wrong_and_what_to_do_are_two_sentences(gateway: Gateway) -> None:
    stranger = ProviderKey.new("one")
    answer = ask(gateway, jwt.encode({}, stranger.private, stranger.algorithm, headers={"kid": "one"}))
    assert answer.json()["detail"].startswith("The token is not valid here, or not any more. Sign the request ")
