"""What must not get in: each with its code, and nothing of it kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from ocr_pipeline.client import SignedAuth
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.operations.access import ManageClients, ManageKeys
from tests.gateway_fixtures import Gateway, OpenGateway, new_page
from tests.gateway_requests import PNG, connect, head_of, kept, problem, raw, signed
from tests.waiting import PATIENCE

FORM_OF_AN_UNKNOWN_TYPE = (
    b'--a\r\nContent-Disposition: form-data; name="type"\r\n\r\nx-ray\r\n--a\r\n'
    b'Content-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n\x89PNG\r\n--a--\r\n'
)


def test_nobody_gets_in_unsigned(gateway: Gateway) -> None:
    with gateway.anybody() as client:
        answer = client.post("/v1/documents", content=new_page(), headers=PNG)
        assert problem(answer) == (401, "signature_missing")
        assert "Signature" in answer.headers["WWW-Authenticate"]
        assert problem(client.get("/v1/documents")) == (401, "signature_missing")
        assert problem(client.get("/v1/documents", headers={"Authorization": "Bearer x"})) == (401, "token_invalid")


def test_a_wrong_secret_and_an_unknown_key_look_alike(gateway: Gateway) -> None:
    key = gateway.issue()
    answers = []
    for auth in (SignedAuth(key.key.id, bytes(32)), SignedAuth("ock_aaaaaaaaaaaaaaaaaaaa", key.secret)):
        with httpx.Client(base_url=gateway.url, auth=auth, timeout=PATIENCE, trust_env=False) as client:
            answer = client.get("/v1/documents")
            assert problem(answer) == (401, "signature_wrong")
            answers.append({name: value for name, value in answer.json().items() if name != "request_id"})
    assert answers[0] == answers[1]


def test_a_request_is_taken_once(gateway: Gateway) -> None:
    key = gateway.issue()
    headers = signed(key, "GET", "/v1/documents", {}, b"")
    with gateway.anybody() as client:
        assert client.get("/v1/documents", headers=headers).status_code == 200
        assert problem(client.get("/v1/documents", headers=headers)) == (401, "nonce_replayed")


# The bound itself is tested on a clock that stands still; this one runs on while the request is under way.
@pytest.mark.parametrize("seconds", [-301, 3600])
def test_an_old_or_early_signature_is_refused(gateway: Gateway, seconds: int) -> None:
    headers = signed(gateway.issue(), "GET", "/v1/documents", {}, b"", created=int(time.time()) + seconds)
    with gateway.anybody() as client:
        assert problem(client.get("/v1/documents", headers=headers)) == (401, "signature_expired")


def test_another_body_than_was_signed_is_not_kept(gateway: Gateway) -> None:
    headers = signed(gateway.issue(), "POST", "/v1/documents", PNG, new_page())
    before = kept(gateway)
    with gateway.anybody() as client:
        answer = client.post("/v1/documents", content=new_page(), headers=headers)
    assert problem(answer) == (401, "digest_mismatch")
    assert kept(gateway) == before


def test_a_revoked_key_and_a_disabled_client_stay_out(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    app = gateway.service.pipeline
    revoked, disabled = gateway.issue("one"), gateway.issue("two")
    ManageKeys(app.records, app.vault, app.clock).revoke(revoked.key.id)
    ManageClients(app.records, app.clock).disable(disabled.key.client_id)
    with gateway.anybody() as client:
        answers = [
            client.get("/v1/documents", headers=signed(key, "GET", "/v1/documents", {}, b""))
            for key in (revoked, disabled)
        ]
    assert [problem(answer) for answer in answers] == [(401, "key_revoked"), (403, "forbidden")]


def test_roles_part_what_may_be_done(gateway: Gateway) -> None:
    with gateway.client("auditors", roles=(Role.AUDITOR,)) as auditor, gateway.client("ward") as ward:
        assert problem(auditor.post("/v1/documents", content=new_page(), headers=PNG)) == (403, "forbidden")
        place = ward.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": "wait=30"}).headers["Location"]
        assert auditor.get(place).status_code == 200
        assert auditor.get(f"{place}/audit").json()["intact"] is True
        assert problem(auditor.get(f"{place}/text")) == (403, "forbidden")
        assert problem(auditor.delete(place)) == (403, "forbidden")


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b"", PNG, (422, "empty_file")),
        (b"GIF89a" + bytes(2000), PNG, (415, "unsupported_format")),
        (b"x" * 10, {"Content-Type": "text/plain"}, (415, "unsupported_media_type")),
        (b"x" * 10, {}, (415, "unsupported_media_type")),
        (b"{}", {"Content-Type": "application/json"}, (422, "invalid_request")),
        (b"[1]", {"Content-Type": "application/json"}, (400, "malformed_body")),
        (b"{", {"Content-Type": "application/json"}, (400, "malformed_body")),
        (b"{" * 20_000, {"Content-Type": "application/json"}, (413, "too_large")),
        (b'{"source":"s3://scans/x.pdf"}', {"Content-Type": "application/json"}, (403, "source_not_granted")),
        (b'{"source":"http://x/y"}', {"Content-Type": "application/json"}, (422, "invalid_request")),
        (b"--a\r\n", {"Content-Type": "multipart/form-data"}, (400, "malformed_body")),
        (b"--a--\r\n", {"Content-Type": "multipart/form-data; boundary=a"}, (400, "malformed_body")),
        (
            b'--a\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n\x89PNG',
            {"Content-Type": "multipart/form-data; boundary=a"},
            (400, "malformed_body"),
        ),
        (
            FORM_OF_AN_UNKNOWN_TYPE,
            {"Content-Type": "multipart/form-data; boundary=a"},
            (422, "invalid_request"),
        ),
        (bytes(20 * 1024 * 1024 + 1), PNG, (413, "too_large")),
    ],
)
def test_bodies_that_are_none(
    gateway: Gateway, content: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    before = kept(gateway)
    with gateway.client() as client:
        assert problem(client.post("/v1/documents", content=content, headers=headers)) == expected
    assert kept(gateway) == before


def test_twenty_mebibytes_and_one_byte_in_pieces_are_cut_off(gateway: Gateway) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"\xff\xd8\xff"
        for _ in range(20):
            yield bytes(1024 * 1024)

    before = kept(gateway)
    with gateway.client() as client:
        assert problem(client.post("/v1/documents", content=pieces(), headers=PNG)) == (413, "too_large")
    assert kept(gateway) == before


@pytest.mark.parametrize(
    "query", ["priority=now", "type=x-ray", "again=perhaps", "deadline=tomorrow", "type=chart&priority="]
)
def test_parameters_that_are_none(gateway: Gateway, query: str) -> None:
    with gateway.client() as client:
        answer = client.post(f"/v1/documents?{query}", content=new_page(), headers=PNG)
    assert problem(answer) == (422, "invalid_request")
    assert "now" not in json.dumps(answer.json()["errors"])


@pytest.mark.parametrize(
    "path", ["/v1/documents/../../etc/passwd", "/v1/documents/%2e%2e", "/v1//documents", "/nowhere", "/v1/documents/x"]
)
def test_paths_that_lead_nowhere(gateway: Gateway, path: str) -> None:
    with gateway.client() as client:
        status, code = problem(client.get(path))
    assert (status, code) in {(404, "not_found"), (422, "invalid_request")}


def test_a_method_that_is_none(gateway: Gateway) -> None:
    with gateway.client() as client:
        assert problem(client.patch("/v1/documents"))[1] == "method_not_allowed"


def test_a_body_that_breaks_off_leaves_nothing(gateway: Gateway) -> None:
    before = kept(gateway)
    content = new_page()
    headers = signed(gateway.issue(), "POST", "/v1/documents", PNG, content)
    raw(gateway, head_of("POST", "/v1/documents", len(content) + 500, headers), content)
    assert kept(gateway) == before


def test_a_slow_body_is_given_up(open_gateway: OpenGateway) -> None:
    gateway = open_gateway(gateway={"idle_body_seconds": 0.3})
    content = new_page()
    headers = signed(gateway.issue(), "POST", "/v1/documents", PNG, content)
    answer = raw(gateway, head_of("POST", "/v1/documents", len(content), headers), content[:100], end=False)
    assert b" 408 " in answer.split(b"\r\n", 1)[0]
    assert b"body_too_slow" in answer
    assert kept(gateway) == (0, 0)


def test_a_flood_of_headers_is_refused(gateway: Gateway) -> None:
    flood = {f"X-{number}": "y" * 200 for number in range(2_000)}
    answer = raw(gateway, head_of("GET", "/v1/documents", 0, flood))
    assert b" 200 " not in answer.split(b"\r\n", 1)[0]
    with gateway.anybody() as client:
        assert client.get("/health/live").status_code == 200


def test_a_client_that_asks_too_often_waits(gateway: Gateway) -> None:
    with gateway.client("hasty", requests_per_minute=1, burst=3) as client:
        answers = [client.get("/v1/documents") for _ in range(5)]
        assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
        assert problem(answers[4]) == (429, "rate_limited")
        assert int(answers[4].headers["Retry-After"]) >= 1
        assert answers[0].headers["RateLimit"].startswith('"client";r=2')
        assert answers[0].headers["RateLimit-Policy"] == '"client";q=3;w=180'
    with gateway.client("patient") as other:
        assert other.get("/v1/documents").status_code == 200


def test_a_client_cannot_fill_the_lanes(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    with gateway.client("greedy", queued_pages=2) as client:
        answers = [client.post("/v1/documents", content=new_page(), headers=PNG) for _ in range(3)]
        assert [answer.status_code for answer in answers[:2]] == [202, 202]
        assert problem(answers[2]) == (429, "quota_exceeded")


@pytest.mark.parametrize(
    ("accepted", "language", "title"),
    [
        ("ko-KR,ko;q=0.9,en;q=0.5", "ko", "찾을 수 없습니다"),
        ("en", "en", "There is nothing here"),
        ("fr", "en", "There"),
    ],
)
def test_problems_speak_the_clients_language(gateway: Gateway, accepted: str, language: str, title: str) -> None:
    with gateway.client() as client:
        answer = client.get("/nowhere", headers={"Accept-Language": accepted})
    assert answer.headers["Content-Language"] == language
    assert answer.json()["title"].startswith(title)


def test_health_and_metrics_need_no_key(gateway: Gateway) -> None:
    with gateway.anybody() as client:
        assert client.get("/health/live").json() == {"status": "ok"}
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["checks"] == dict.fromkeys(("database", "store", "keys", "queue", "engine"), "ok")
        assert 'route="/health/ready",status="200"' in client.get("/metrics").text
        assert client.get("/problems/not_found").status_code == 200
        assert client.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_nothing_of_a_document_is_logged_or_told(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    canary = "Zebulon-Quack-4711"
    with gateway.client() as client:
        answer = client.post(
            "/v1/documents",
            data={"client_reference": canary, "type": canary},
            files={"file": (f"{canary}.png", new_page(), "image/png")},
        )
        assert problem(answer) == (422, "invalid_request")
        assert canary not in answer.text
        taken = client.post(
            "/v1/documents",
            data={"client_reference": canary},
            files={"file": (f"{canary}.png", new_page(), "image/png")},
            headers={"Prefer": "wait=30"},
        )
        assert taken.status_code == 200
        assert canary not in taken.text + str(taken.headers)
        client.get(f"/v1/documents?cursor={canary}")
        assert canary not in client.get("/metrics").text
    assert canary not in caplog.text


def test_many_slow_uploads_at_once_do_not_block_others(gateway: Gateway) -> None:
    content, key = new_page(), gateway.issue("slow")
    with ExitStack() as stack:
        for _ in range(100):
            headers = signed(key, "POST", "/v1/documents", PNG, content)
            stack.enter_context(connect(gateway)).sendall(
                head_of("POST", "/v1/documents", len(content), headers) + content[:50]
            )
        with gateway.client() as client:
            answer = client.post("/v1/documents", content=new_page(), headers={**PNG, "Prefer": "wait=30"})
    assert answer.status_code == 200
