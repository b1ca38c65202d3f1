"""What the client sends, how it comes back to a busy server, and what it makes of answers."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ocr_pipeline import signing
from ocr_pipeline.client import ApiError, OcrClient, Retries

SECRET = bytes(range(32))
ID = "0193a5d0-ac96-774b-8cce-b302099a8057"
PDF = b"%PDF-1.7 scan"
Answer = Callable[[httpx.Request], httpx.Response]


class Server:
    """Checks every signature and digest as the gateway does, keeps what came, and answers from a list."""

    def __init__(self, *answers: httpx.Response | Exception | Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.claims: list[signing.SignatureClaims] = []
        self.pauses: list[float] = []

    def client(self, attempts: int = 3, **options: Any) -> OcrClient:
        retries = Retries(attempts=attempts, sleep=self.pauses.append)
        transport = httpx.MockTransport(self._answer)
        return OcrClient("https://ocr.example", "ock_1", SECRET, retries=retries, transport=transport, **options)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        headers = request.headers.multi_items()
        path, _, query = request.url.raw_path.decode().partition("?")
        claims = signing.parse(headers)
        assert signing.verify(claims, request.method, path, query, headers, SECRET)
        assert (claims.content_sha256 or signing.EMPTY_SHA256) == hashlib.sha256(request.content).digest()
        self.requests.append(request)
        self.claims.append(claims)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


def document(*, settled: bool = True, **more: Any) -> httpx.Response:
    return httpx.Response(202, json={"id": ID, "state": "completed", "settled": settled, **more})


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"type": f"/problems/{code}", "title": "T", "status": status, "detail": "D", "code": code, "request_id": "r"}
    kind = {"Content-Type": "application/problem+json", **headers}
    return httpx.Response(status, content=json.dumps(body), headers=kind)


def stream(*events: tuple[str, str]) -> httpx.Response:
    lines = [": ping\r\n\r\n"]
    for kind, state in events:
        data = json.dumps({"state": state, "settled": kind == "settled", "pages": {"accepted": 1}})
        lines.append(f"event: {kind}\r\ndata: {data}\r\n\r\n")
    return httpx.Response(200, content="".join(lines), headers={"Content-Type": "text/event-stream"})


def test_everything_asked_for_is_on_the_wire() -> None:
    server = Server(document())
    server.client(language="ko").submit(
        PDF,
        type="chart",
        priority="urgent",
        deadline=datetime(2030, 1, 1, tzinfo=UTC),
        callback_url="https://clinic.example/done",
        client_reference="접수 1/2",
        idempotency_key="visit-1",
        again=True,
        wait=7,
    )
    sent = server.requests[0]
    assert (sent.method, sent.url.path) == ("POST", "/v1/documents")
    assert dict(sent.url.params) == {
        "type": "chart",
        "priority": "urgent",
        "deadline": "2030-01-01T00:00:00+00:00",
        "again": "true",
    }
    assert sent.headers["Content-Type"] == "application/pdf"
    assert sent.headers["Content-Length"] == str(len(PDF))
    assert sent.headers["Idempotency-Key"] == "visit-1"
    assert sent.headers["Client-Reference"] == "%EC%A0%91%EC%88%98%201%2F2"
    assert sent.headers["Callback-Url"] == "https://clinic.example/done"
    assert sent.headers["Prefer"] == "wait=7"
    assert sent.headers["Accept-Language"] == "ko"
    assert sent.content == PDF
    assert "again" not in dict(submitted(PDF).url.params)


def test_waiting_for_the_answer_prolongs_the_time_for_it_alone() -> None:
    server = Server(document())
    server.client(timeout=10).submit(PDF, wait=60)
    assert server.requests[0].extensions["timeout"] == {"connect": 10, "read": 70, "write": 10, "pool": 10}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
        (b"GIF8", "application/octet-stream"),
    ],
)
def test_the_type_is_told_from_the_first_bytes(head: bytes, kind: str) -> None:
    assert submitted(head).headers["Content-Type"] == kind
    assert submitted(head, content_type="image/png").headers["Content-Type"] == "image/png"


def test_a_path_bytes_and_an_open_file_are_sent_alike(tmp_path: Path) -> None:
    path = tmp_path / "진단서.pdf"
    path.write_bytes(PDF)
    rest = io.BytesIO(b"front" + PDF)
    rest.seek(5)
    assert [submitted(source).content for source in (path, str(path), PDF, rest)] == [PDF] * 4
    assert not rest.closed


def test_a_large_file_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "scan"
    path.write_bytes(b"x" * 1_000_000)
    seen: list[int] = []

    class Watching(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.SyncByteStream)
            seen.extend(len(piece) for piece in request.stream)
            return document()

    OcrClient("https://ocr.example", "k", SECRET, transport=Watching()).submit(path)
    assert sum(seen) == 1_000_000
    assert max(seen) <= 64 * 1024


def test_what_cannot_be_wound_back_is_refused() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(ValueError, match="wound back"):
        Server().client().submit(Pipe(PDF))


def test_each_submission_has_an_idempotency_key_of_its_own() -> None:
    server = Server(document(), document())
    client = server.client()
    client.submit(PDF)
    client.submit(PDF)
    first, second = (request.headers["Idempotency-Key"] for request in server.requests)
    assert uuid.UUID(first) != uuid.UUID(second)


@pytest.mark.parametrize(
    "failure",
    [
        problem(503, "overloaded"),
        problem(429, "rate_limited"),
        httpx.ConnectError("no"),
        httpx.ReadTimeout("no"),
        httpx.RemoteProtocolError("no"),
    ],
)
def test_a_second_attempt_is_the_same_request_signed_anew(failure: httpx.Response | Exception) -> None:
    server = Server(failure, document())
    assert server.client().submit(io.BytesIO(PDF))["id"] == ID
    first, second = server.requests
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.content == second.content == PDF
    assert server.claims[0].nonce != server.claims[1].nonce
    assert len(server.pauses) == 1


def test_retry_after_is_honoured_as_a_number_and_as_a_date() -> None:
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    server = Server(
        problem(429, "rate_limited", **{"Retry-After": "7"}), problem(503, "x", **{"Retry-After": past}), document()
    )
    server.client().get(ID)
    assert server.pauses == [7, 0]


def test_pauses_without_retry_after_grow_and_are_bounded() -> None:
    server = Server(*[httpx.ConnectError("no")] * 11, document())
    server.client(attempts=12).get(ID)
    assert 0.25 <= server.pauses[0] <= 0.5
    assert 30 <= server.pauses[-1] <= 60


def test_attempts_are_bounded() -> None:
    server = Server(*[httpx.ConnectError("no")] * 3)
    with pytest.raises(httpx.ConnectError):
        server.client(attempts=3).get(ID)
    assert server.answers == []
    busy = Server(*(problem(503, "overloaded") for _ in range(3)))
    with pytest.raises(ApiError, match="overloaded"):
        busy.client(attempts=3).get(ID)
    assert busy.answers == []


@pytest.mark.parametrize("failure", [problem(422, "x"), problem(500, "x"), problem(401, "x"), httpx.Response(302)])
def test_what_would_fail_again_is_not_tried_again(failure: httpx.Response) -> None:
    server = Server(failure)
    with pytest.raises(ApiError):
        server.client().get(ID)
    assert server.pauses == []


def test_a_server_that_wants_to_be_left_alone_for_long_is() -> None:
    server = Server(problem(503, "overloaded", **{"Retry-After": "3600"}))
    with pytest.raises(ApiError):
        server.client().get(ID)


def test_a_problem_is_told_as_the_server_says_it() -> None:
    with pytest.raises(ApiError) as raised:
        Server(problem(404, "not_found")).client().get(ID)
    error = raised.value
    assert (error.status, error.code, error.title, error.detail, error.request_id) == (404, "not_found", "T", "D", "r")
    assert str(error) == "404 not_found: D (request r)"


@pytest.mark.parametrize("kind", ["text/html", "application/problem+json"])
def test_an_answer_that_is_no_problem_is_an_error_all_the_same(kind: str) -> None:
    page = httpx.Response(502, content="<html>", headers={"Content-Type": kind})
    with pytest.raises(ApiError) as raised:
        Server(page).client().get(ID)
    assert (raised.value.status, raised.value.code) == (502, "unknown")


@pytest.mark.parametrize(
    ("call", "method", "path", "body", "expected"),
    [
        (lambda c: c.get(ID), "GET", "", {"id": ID}, {"id": ID}),
        (lambda c: c.get(uuid.UUID(ID)), "GET", "", {"id": ID}, {"id": ID}),
        (lambda c: c.pages(ID), "GET", "/pages", {"pages": [{"number": 1}]}, [{"number": 1}]),
        (lambda c: c.page(ID, 2), "GET", "/pages/2", {"page": 2}, {"page": 2}),
        (lambda c: c.json(ID), "GET", "/json", {"pages": []}, {"pages": []}),
        (lambda c: c.audit(ID), "GET", "/audit", {"events": [], "intact": True}, {"events": [], "intact": True}),
        (lambda c: c.webhooks(ID), "GET", "/webhooks", {"webhooks": [1]}, [1]),
        (lambda c: c.cancel(ID), "POST", "/cancel", {"id": ID}, {"id": ID}),
    ],
)
def test_each_method_is_one_request(
    call: Callable[[OcrClient], Any], method: str, path: str, body: Any, expected: Any
) -> None:
    server = Server(httpx.Response(200, json=body))
    assert call(server.client()) == expected
    assert (server.requests[0].method, server.requests[0].url.path) == (method, f"/v1/documents/{ID}{path}")


def test_text_comes_as_text_and_erasing_says_nothing() -> None:
    server = Server(httpx.Response(200, text="약\f2"), httpx.Response(200, text="# 약"), httpx.Response(204))
    client = server.client()
    assert (client.text(ID), client.markdown(ID)) == ("약\f2", "# 약")
    client.erase(ID)
    assert [request.url.path.rpartition("/")[2] for request in server.requests] == ["text", "markdown", ID]
    assert server.requests[2].method == "DELETE"


def test_an_id_cannot_lead_elsewhere() -> None:
    server = Server(document())
    server.client().get("../clients?x=")
    assert server.requests[0].url.raw_path == b"/v1/documents/..%2Fclients%3Fx%3D"


def test_a_list_goes_on_from_page_to_page_as_it_is_taken() -> None:
    server = Server(
        httpx.Response(200, json={"documents": [{"id": "1"}, {"id": "2"}], "next_cursor": "next/one"}),
        httpx.Response(200, json={"documents": [{"id": "3"}], "next_cursor": None}),
    )
    found = server.client().list(state=["failed", "completed"], type="chart", page_size=2)
    assert isinstance(found, Iterator)
    assert next(found)["id"] == "1"
    assert len(server.requests) == 1
    assert [each["id"] for each in found] == ["2", "3"]
    asked = [("state", "failed"), ("state", "completed"), ("type", "chart"), ("limit", "2")]
    assert server.requests[0].url.params.multi_items() == asked
    assert server.requests[1].url.params.multi_items() == [*asked, ("cursor", "next/one")]


def test_times_need_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        next(Server().client().list(received_from=datetime(2026, 1, 1)))


def test_events_end_with_the_one_that_settles() -> None:
    server = Server(stream(("progress", "processing"), ("other", "x"), ("settled", "completed"), ("progress", "x")))
    events = list(server.client().events(ID))
    assert [(event.state, event.settled) for event in events] == [("processing", False), ("completed", True)]
    assert events[0].pages == {"accepted": 1}


def test_waiting_follows_the_events_and_gives_the_document() -> None:
    server = Server(document(settled=False), stream(("settled", "completed")), document(page_count=1))
    assert server.client().wait(ID)["page_count"] == 1
    assert server.pauses == []


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("no"), problem(503, "too_many_streams"), stream()])
def test_waiting_goes_on_where_no_stream_can_be_had(failure: httpx.Response | Exception) -> None:
    server = Server(document(settled=False), failure, document())
    assert server.client().wait(ID)["settled"]
    assert len(server.pauses) == 1


def test_waiting_ends() -> None:
    server = Server(document(settled=False))
    with pytest.raises(TimeoutError):
        server.client().wait(ID, timeout=0)
    refused = Server(document(settled=False), problem(403, "forbidden"))
    with pytest.raises(ApiError, match="forbidden"):
        refused.client().wait(ID)


def test_the_secret_may_come_as_it_was_printed() -> None:
    transport = httpx.MockTransport(Server(document())._answer)
    with OcrClient("https://ocr.example", "k", signing.encode_secret(SECRET), transport=transport) as client:
        assert client.get(ID)["id"] == ID


def submitted(source: Any, **options: Any) -> httpx.Request:
    """The request that hands in a document."""
    server = Server(document())
    server.client().submit(source, **options)
    return server.requests[0]
