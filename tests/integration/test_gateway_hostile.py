"""Requests that are made to do harm, or that ask in odd ways: each is answered, and nobody else notices."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.errors import DatabaseUnavailable, StoreUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.gateway.service import Service
from tests.gateway_fixtures import Gateway, OpenGateway, new_page
from tests.gateway_requests import PNG, connect, head_of, kept, problem, signed
from tests.waiting import PATIENCE, until

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=a"}


def form_of(content: bytes, *fields: str) -> bytes:
    """A form with a file last; each field is `name=value`."""
    parts = [
        f'--a\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, _, value in (field.partition("=") for field in fields)
    ]
    head = b'--a\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    return b"".join([*parts, head, content, b"\r\n--a--\r\n"])


def test_a_deadline_at_the_end_of_the_calendar_holds_nobody_up(gateway: Gateway) -> None:
    with (
        gateway.client("hostile") as client,
        gateway.client("ward") as ward,
        gateway.client("watch", roles=(Role.OPERATOR,)) as operator,
    ):
        for deadline in ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "2900-01-01T00:00:00Z"):
            for headers in (PNG, {**PNG, "Idempotency-Key": "once"}):
                answer = client.post(f"/v1/documents?deadline={deadline}", content=new_page(), headers=headers)
                assert problem(answer) == (422, "invalid_request")
        assert ward.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": "wait=30"}).status_code == 200
        assert operator.get("/v1/documents").status_code == 200


def test_json_that_is_made_to_break_readers(gateway: Gateway) -> None:
    with gateway.client() as client:
        for body, expected in (
            (b"[" * 16_000, (400, "malformed_body")),
            (b'{"a":' * 3_000, (400, "malformed_body")),
            (b'{"source":"s3://abc/x","\\ud800":1}', (422, "invalid_request")),
            (b'{"source":"s3://abc/\\ud800"}', (422, "invalid_request")),
        ):
            assert problem(client.post("/v1/documents", content=body, headers=JSON)) == expected


def test_a_name_that_somebody_made_up_is_not_repeated(gateway: Gateway) -> None:
    with gateway.client() as client:
        answers = [
            client.post("/v1/documents", json={"source": "s3://abc/x", "Zebulon Quack": 1}),
            client.post("/v1/documents", content=form_of(new_page(), "Zebulon Quack=1"), headers=FORM),
        ]
    for answer in answers:
        assert problem(answer) == (422, "invalid_request")
        assert answer.json()["errors"] == [{"name": "unknown", "problem": "extra_forbidden"}]


def test_what_is_said_beside_a_form_counts_as_well(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.post(
            "/v1/documents?priority=urgent", content=form_of(new_page(), "type=chart"), headers=FORM
        ).json()
        assert (answer["priority"], answer["type"]) == ("urgent", "chart")
        inward = {"Callback-Url": "https://127.0.0.1/hook"}
        refused = client.post("/v1/documents", content=form_of(new_page()), headers={**FORM, **inward})
        assert problem(refused) == (422, "callback_refused")
        twice = client.post("/v1/documents?priority=urgent", content=form_of(new_page(), "priority=bulk"), headers=FORM)
        assert problem(twice) == (400, "malformed_body")
        twice = client.post("/v1/documents?type=chart", json={"source": "s3://abc/x", "type": "other"})
        assert problem(twice) == (400, "malformed_body")


def test_a_reference_that_could_not_be_given_back_is_refused(gateway: Gateway) -> None:
    with gateway.client() as client:
        for reference in ("%FF%FE", "%ED%99", "a%00b", "a%0D%0Ab", "%C2%85"):
            headers = {**PNG, "Client-Reference": reference}
            answer = client.post("/v1/documents", content=new_page(), headers=headers)
            assert problem(answer) == (422, "invalid_request")
            assert [each["name"].replace("-", "_") for each in answer.json()["errors"]] == ["client_reference"]


def test_waiting_is_asked_for_in_any_case(gateway: Gateway) -> None:
    with gateway.client() as client:
        for prefer in ("wait=30", "WAIT=30", 'respond-async, Wait = "30"'):
            answer = client.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": prefer})
            assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=30")


def test_a_document_that_nobody_may_wait_for_is_taken_all_the_same(open_gateway: OpenGateway) -> None:
    gateway = open_gateway(gateway={"max_streams": 1})
    with gateway.client() as client, gateway.service.watch.following(DocumentId(uuid4()), ClientId("somebody")):
        answer = client.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": "wait=30"})
    assert answer.status_code == 202
    assert "Preference-Applied" not in answer.headers
    assert kept(gateway) == (1, 1)


def test_a_document_that_was_taken_is_not_denied(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(Service, "standing", away)
    with gateway.client() as client:
        answer = client.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": "wait=30"})
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(answer.json()["id"])


def test_a_client_that_hangs_up_is_waited_for_no_more(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    content = new_page()
    headers = signed(gateway.issue(), "POST", "/v1/documents", {**PNG, "Prefer": "wait=60"}, content)
    watch = gateway.service.watch
    with connect(gateway) as link:
        link.sendall(head_of("POST", "/v1/documents", len(content), headers) + content)
        until(lambda: watch.followers == 1, "the client to wait")
    until(lambda: watch.followers == 0, "nobody to wait")


def test_one_client_cannot_take_all_streams(open_gateway: OpenGateway) -> None:
    gateway = open_gateway(gateway={"max_streams_of_a_client": 2})
    with gateway.client("greedy") as greedy, gateway.client("ward") as ward:
        places = [
            client.post("/v1/documents", content=new_page(), headers=PNG).headers["Location"] + "/events"
            for client in (greedy, ward)
        ]
        with greedy.stream("GET", places[0]) as first, greedy.stream("GET", places[0]) as second:
            assert [first.status_code, second.status_code] == [200, 200]
            assert problem(greedy.get(places[0])) == (503, "too_many_streams")
            with ward.stream("GET", places[1]) as other:
                assert other.status_code == 200
        until(lambda: gateway.service.watch.followers == 0, "no stream")
        with greedy.stream("GET", places[0]) as again:
            assert again.status_code == 200


def test_a_page_that_is_not_there_is_never_unchanged(gateway: Gateway) -> None:
    with gateway.client() as client:
        place = client.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": "wait=30"}).headers[
            "Location"
        ]
        anything = {"If-None-Match": "*"}
        assert client.get(f"{place}/pages/1", headers=anything).status_code == 304
        for number in (0, 2, -1, 10**30):
            assert problem(client.get(f"{place}/pages/{number}", headers=anything)) == (404, "not_found")


def test_no_cache_on_the_way_may_keep_an_answer(gateway: Gateway) -> None:
    with gateway.client() as client:
        place = client.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": "wait=30"}).headers[
            "Location"
        ]
        for path in ("", "/text", "/json", "/pages/1"):
            assert client.get(place + path).headers["Cache-Control"] == "private, no-cache"
        for path in ("/v1/documents", f"{place}/pages", f"{place}/audit", f"{place}/webhooks", f"{place}/events"):
            assert client.get(path).headers["Cache-Control"] == "no-store"


def test_a_refused_method_is_told_every_other(gateway: Gateway) -> None:
    place = "/v1/documents/0193a5d0-ac96-774b-8cce-b302099a8057"
    with gateway.anybody() as client:
        for method, path, allowed in (
            ("PUT", "/v1/documents", "GET, POST"),
            ("POST", place, "DELETE, GET"),
            ("GET", f"{place}/cancel", "POST"),
        ):
            answer = client.request(method, path)
            assert problem(answer) == (405, "method_not_allowed")
            assert answer.headers["Allow"] == allowed


def test_a_wrong_parameter_of_several_values_is_named(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.get("/v1/documents?state=")
    assert answer.json()["errors"] == [{"place": "query", "name": "state", "problem": "enum"}]


def test_every_page_has_a_policy(gateway: Gateway) -> None:
    with gateway.anybody() as client:
        for path in ("/docs", "/docsabc", "/problems/not_found", "/v1/documents"):
            for host in ("gateway", "["):
                answer = client.get(path, headers={"Host": host})
                assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_of_the_api_runs_just_the_script_that_it_has(gateway: Gateway) -> None:
    with gateway.anybody() as client:
        answer = client.get("/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert len(re.findall(r"<script>", answer.text)) == len(re.findall(r"'sha256-", policy)) == 1
    assert "unsafe" not in policy.split("script-src")[1].split(";")[0]
    with gateway.anybody() as client:
        for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
            assert address == "data:," or client.get(address).status_code == 200


def test_a_fault_of_ours_is_told_by_its_id_alone(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("Zebulon Quack")

    monkeypatch.setattr(type(gateway.service.snapshot), "__call__", broken)
    with gateway.client("watch", roles=(Role.OPERATOR,)) as operator:
        answer = operator.get("/operations.json")
    assert problem(answer) == (500, "internal")
    assert "Zebulon" not in answer.text


def test_readiness_is_told_while_a_service_hangs(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    health, hanging = gateway.service.health, threading.Event()
    monkeypatch.setattr(health, "_patience", 0.2)
    monkeypatch.setattr(health._checks["store"], "_check", lambda: hanging.wait() and None)
    try:
        with gateway.anybody() as client, ThreadPoolExecutor(8) as threads:
            health._looked = None
            answers = list(threads.map(lambda _: client.get("/health/ready"), range(8)))
            assert {answer.status_code for answer in answers} == {503}
            assert {answer.json()["checks"]["store"] for answer in answers} == {"no_answer"}
            # The other services are real, and a busy machine lets them be late for so little patience.
            until(lambda: _checked_anew(gateway)["database"] == "ok", "the database's own answer")
            assert _checked_anew(gateway)["store"] == "no_answer"
        until(
            lambda: sum(thread.name == "health" for thread in threading.enumerate()) == 1, "the one thread that hangs"
        )
    finally:
        hanging.set()
    until(lambda: set(_checked_anew(gateway).values()) == {"ok"}, "a gateway that is ready again")


def _checked_anew(gateway: Gateway) -> dict[str, str]:
    gateway.service.health._looked = None
    checks: dict[str, str] = httpx.get(f"{gateway.url}/health/ready", timeout=PATIENCE, trust_env=False).json()[
        "checks"
    ]
    return checks


def test_a_service_that_fails_is_told_by_its_code(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(gateway.service.health._checks["store"], "_check", away)
    gateway.service.health._looked = None
    with gateway.anybody() as client:
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"]["store"]) == (503, "store_unavailable")


def test_nobody_is_kept_at_the_door_for_ever(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, nonces = threading.Event(), type(gateway.service.authenticator._signed._nonces)
    claim = nonces.claim
    with gateway.client() as client:
        assert client.get("/v1/documents").status_code == 200
        with monkeypatch.context() as patched:
            patched.setattr("ocr_pipeline.gateway.service._KNOCKING_SECONDS", 0.3)
            patched.setattr(nonces, "claim", lambda *arguments, **named: hanging.wait() and claim(*arguments, **named))
            try:
                answer = client.get("/v1/documents")
            finally:
                hanging.set()
        assert problem(answer) == (503, "unavailable")
        assert answer.headers["Retry-After"]
        assert client.get("/v1/documents").status_code == 200
