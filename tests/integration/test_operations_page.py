"""The status page behind its door: who is let in, by what, for how long, and what they are shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.errors import Conflict, DatabaseUnavailable
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.gateway.operations.routes import COOKIE
from ocr_pipeline.operations.access import Changes, ManageClients, ManageKeys
from ocr_pipeline.operations.visits import InviteOperator
from tests.gateway_fixtures import Gateway, new_page

OPERATOR = (Role.OPERATOR,)


@pytest.fixture
def link(gateway: Gateway) -> str:
    """The token of a link for an operator."""
    gateway.issue("watch", roles=OPERATOR)
    return invite(gateway)


def invite(gateway: Gateway, name: str = "watch", **options: Any) -> str:
    app = gateway.service.pipeline
    return InviteOperator(app.records, app.vault, app.clock)(ClientId(name), **options)


def browser(gateway: Gateway) -> httpx.Client:
    return httpx.Client(base_url=gateway.url, timeout=30, trust_env=False)


def follow(client: httpx.Client, token: str) -> httpx.Response:
    return client.post("/operations/enter", data={"token": token})


def let_in(client: httpx.Client, token: str) -> dict[str, str]:
    """The header by which the browser shows its session; plain HTTP hands no Secure cookie back by itself."""
    answer = follow(client, token)
    assert answer.status_code == 303, answer.text
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_a_link_lets_a_browser_in_once(gateway: Gateway, link: str) -> None:
    with browser(gateway) as first, browser(gateway) as second:
        for _ in range(3):
            # Looking at a link, as mail and chat programs do, does not use it up.
            assert first.get("/operations/enter", params={"token": link}).status_code == 200
        shown = first.get("/operations", headers=let_in(first, link))
        assert shown.status_code == 200
        assert "Work by class" in shown.text
        again = follow(second, link)
        assert again.status_code == 401
        assert "no longer good" in again.text
        assert "set-cookie" not in again.headers


def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(gateway: Gateway, link: str) -> None:
    with browser(gateway) as client:
        attributes = follow(client, link).headers["set-cookie"].lower()
    assert attributes.startswith(COOKIE.lower() + "=")
    for wanted in ("httponly", "secure", "samesite=strict", "path=/", "max-age=43"):
        assert wanted in attributes
    assert "domain" not in attributes


def test_nothing_may_run_and_nothing_is_kept(gateway: Gateway, link: str) -> None:
    with browser(gateway) as client:
        answer = client.get("/operations", headers=let_in(client, link))
    policies = answer.headers.get_list("content-security-policy")
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script" not in policies[0]
    assert "unsafe" not in policies[0]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "<script" not in answer.text
    assert 'style="' not in answer.text


@pytest.mark.parametrize(
    "spoil", [lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"), lambda _: "", str.upper]
)
def test_a_link_that_is_not_ours_is_refused(gateway: Gateway, link: str, spoil: Any) -> None:
    with browser(gateway) as client:
        assert follow(client, spoil(link)).status_code == 401
        assert client.post("/operations/enter", content=b"token=" + b"x" * 5000).status_code == 401
        # The link was not spent by that.
        assert follow(client, link).status_code == 303


def test_a_link_is_no_session_and_a_session_no_link(gateway: Gateway, link: str) -> None:
    with browser(gateway) as client:
        assert client.get("/operations", headers={"Cookie": f"{COOKIE}={link}"}).status_code == 401
        session = let_in(client, link)["Cookie"].partition("=")[2]
        assert follow(client, session).status_code == 401


def test_a_link_ends_with_its_time(gateway: Gateway, link: str) -> None:
    with browser(gateway) as client:
        assert follow(client, invite(gateway, lifetime=timedelta(seconds=-1))).status_code == 401
    assert link


def test_a_revoked_key_ends_its_sessions(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    key = gateway.issue("watch", roles=OPERATOR).key
    app = gateway.service.pipeline
    monkeypatch.setattr(gateway.service.visits._directory._holders, "_seconds", 0.0)
    with browser(gateway) as client:
        session = let_in(client, invite(gateway))
        assert client.get("/operations", headers=session).status_code == 200
        ManageKeys(app.records, app.vault, app.clock).revoke(key.id)
        assert client.get("/operations", headers=session).status_code == 401
        assert client.get("/operations.json", headers=session).status_code == 401


def test_whoever_is_no_operator_is_shown_nothing(gateway: Gateway) -> None:
    gateway.issue("clinic", roles=(Role.SUBMITTER, Role.AUDITOR))
    with pytest.raises(Conflict):
        invite(gateway, "clinic")
    gateway.issue("former", roles=OPERATOR)
    token = invite(gateway, "former")
    gateway.issue("former", roles=(Role.SUBMITTER,))
    with browser(gateway) as client:
        answer = client.get("/operations", headers=let_in(client, token))
        assert answer.status_code == 403
        assert "Work by class" not in answer.text
        assert client.get("/operations").status_code == 401
        assert client.get("/operations.json").status_code == 401
    with gateway.client("clinic", roles=(Role.SUBMITTER,)) as signing:
        assert signing.get("/operations.json").status_code == 403


def test_a_client_that_cannot_sign_gets_no_link(gateway: Gateway) -> None:
    app = gateway.service.pipeline
    ManageClients(app.records, app.clock).create(ClientId("keyless"), Changes(roles=OPERATOR))
    with pytest.raises(Conflict, match="no usable key"):
        invite(gateway, "keyless")


def test_programs_sign_and_are_told_the_same(gateway: Gateway) -> None:
    with gateway.client("clinic") as client:
        answer = client.post(
            "/v1/documents", content=new_page(), headers={"Content-Type": "image/png", "Prefer": "wait=30"}
        )
        assert answer.status_code in {200, 201, 202}, answer.text
    with gateway.client("watch", roles=OPERATOR) as client:
        told = client.get("/operations.json")
    assert told.status_code == 200
    view = told.json()
    assert view["today"]["received"] == 1
    assert [row["class"] for row in view["classes"]] == ["urgent", "routine", "bulk"]
    assert view["missing"] == {}
    assert view["workers"] is None
    assert datetime.fromisoformat(view["taken_at"]) - datetime.now(UTC) < timedelta(minutes=1)


def test_a_database_that_is_away_is_said_to_people(
    gateway: Gateway, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    with browser(gateway) as client:
        session = let_in(client, link)
        monkeypatch.setattr(type(gateway.service.visits), "principal", away)
        answer = client.get("/operations", headers=session)
    assert answer.status_code == 503
    assert re.search(r'http-equiv="refresh"', answer.text)
