"""The shipped Envoy and HAProxy configurations before real gateways: what a client gets to see through them."""

from __future__ import annotations

import io
import os
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPResponse
from typing import Any
from uuid import UUID

import httpx
import pytest
from PIL import Image

from ocr_pipeline.operations.access import IssuedKey
from tests.e2e.cli_harness import line_page
from tests.front_proxy_harness import DEADLINE, PROXIES, Front, running
from tests.gateway_processes import SAID, GatewayPair, GatewayProcess, directly, through
from tests.gateway_requests import PNG, head_of, signed
from tests.postgres_databases import TestServer
from tests.waiting import until

MOST = 20 * 1024 * 1024
PIECE = 256 * 1024
PROBLEM = "application/problem+json"

QUICK_CHECKS = {
    "envoy": {
        "        - timeout: 2s": "        - timeout: 60s",
        "          interval: 2s": "          interval: 0.3s",
        "no_traffic_interval: 2s": "no_traffic_interval: 0.3s",
    },
    "haproxy": {"check inter 2s": "check inter 300ms", "timeout check 2s": "timeout check 60s"},
}
"""A gateway that is away is soon left alone and soon taken back; one that is there may answer a check late."""

IMPATIENT = {
    "envoy": {
        "stream_idle_timeout: 90s": "stream_idle_timeout: 4s",
        "route: { cluster: gateway, timeout: 75s }": "route: { cluster: gateway, timeout: 4s }",
        "timeout: 75s # counted": "timeout: 4s # counted",
    },
    "haproxy": {"timeout server 90s": "timeout server 4s"},
}
IMPATIENCE = 4.0
_SEEN = iter(range(1_000_000))


@pytest.fixture(scope="module")
def gateways(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: TestServer, migrated_template: str
) -> Iterator[GatewayPair]:
    """Two of them, who lose patience with a body sooner than a proxy does."""
    url = postgres_server.create(migrated_template)
    settings = {"OCR_PIPELINE_GATEWAY__IDLE_BODY_SECONDS": "6", "OCR_PIPELINE_WORKER__SLOTS": "1"}
    pair = GatewayPair(tmp_path_factory.mktemp("gateways"), url.render_as_string(hide_password=False), **settings)
    try:
        pair.start()
        yield pair
    finally:
        pair.kill()
        postgres_server.drop(url)


@pytest.fixture(scope="module")
def key(gateways: GatewayPair) -> IssuedKey:
    """The key of a client who may do anything often."""
    return gateways.issue("clinic")


@pytest.fixture(scope="module")
def fronts(gateways: GatewayPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Front]]:
    """Both proxies with the shipped times, side by side, that what takes its time takes it once."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(name, tmp_path_factory.mktemp(name), gateways.ports, QUICK_CHECKS))
            for name in PROXIES
        }


@pytest.fixture(params=PROXIES)
def front(request: pytest.FixtureRequest, fronts: dict[str, Front]) -> Front:
    """One of them."""
    return fronts[request.param]


@pytest.fixture(scope="module", params=PROXIES)
def impatient(
    request: pytest.FixtureRequest, gateways: GatewayPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """A proxy that waits four seconds where it would wait 75 or 90."""
    with running(request.param, tmp_path_factory.mktemp(request.param), gateways.ports, IMPATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def clients(fronts: dict[str, Front], key: IssuedKey) -> Iterator[list[httpx.Client]]:
    """Through both proxies."""
    with ExitStack() as stack:
        yield [stack.enter_context(through(front, key)) for front in fronts.values()]


def test_tls_ends_here_and_offers_both_protocols(front: Front) -> None:
    try:
        for protocol in ("h2", "http/1.1"):
            front.trust.set_alpn_protocols([protocol])
            with front.raw() as connection:
                assert connection.selected_alpn_protocol() == protocol
                assert connection.version() == "TLSv1.3"
    finally:
        front.trust.set_alpn_protocols(["http/1.1"])


def test_a_stranger_to_the_certificate_turns_back(front: Front) -> None:
    with (
        socket.create_connection(("127.0.0.1", front.port), DEADLINE) as bare,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(bare, server_hostname="127.0.0.1")


@pytest.mark.parametrize(
    "target",
    [
        "/v1/documents",
        "/v1/documents?limit=1&limit=2&",
        "/v1/documents?state=%63ompleted&type=prescription&received_from=2026-01-01T00%3A00%3A00%2B09%3A00",
        "/v1/documents?limit=7&ward=3%2F4%20+&%EC%9D%98=/..//&a=b%3Fc",
    ],
)
def test_a_signature_over_path_and_query_holds(front: Front, key: IssuedKey, target: str) -> None:
    status, _, _ = front.get(target, signed(key, "GET", target, {}, b""))
    assert status == 200


def test_a_signature_over_an_unusual_path_holds(front: Front, key: IssuedKey) -> None:
    """Whoever decodes or tidies it on the way makes it another, which is 401."""
    target = "/v1/documents/%30197b0c0-0000-7000-8000-00000000000%30"
    status, headers, _ = front.get(target, signed(key, "GET", target, {}, b""))
    assert (status, headers["content-type"]) == (404, PROBLEM)
    changed = target.replace("%30", "0")
    assert front.get(changed, signed(key, "GET", target, {}, b""))[0] == 401


def test_a_request_id_is_one_in_all_logs(front: Front, gateways: GatewayPair, key: IssuedKey) -> None:
    _, made, _ = front.get("/v1/documents", signed(key, "GET", "/v1/documents", {}, b""))
    assert str(UUID(made["x-request-id"])) == made["x-request-id"]
    headers = {**signed(key, "GET", "/v1/documents", {}, b""), "X-Request-Id": "made-by-the-client.1"}
    assert front.get("/v1/documents", headers)[1]["x-request-id"] == "made-by-the-client.1"
    wanted = {made["x-request-id"], "made-by-the-client.1"}
    until(lambda: wanted <= logged(gateways), "lines in the gateways' logs")
    until(lambda: all(one in front.log.read_text() for one in wanted), "lines in the proxy's log")


def test_a_proxy_logs_neither_paths_nor_queries(front: Front, key: IssuedKey) -> None:
    target = "/v1/documents?reference=Hong-Gildong"
    _, answered, _ = front.get(target, signed(key, "GET", target, {}, b""))
    until(lambda: answered["x-request-id"] in front.log.read_text(), "lines in the proxy's log")
    assert "Hong" not in front.log.read_text()
    assert "/v1/documents" not in front.log.read_text()


@pytest.mark.parametrize("path", ["/metrics", "/health/ready"])
def test_the_inside_is_shown_inside_alone(front: Front, gateways: GatewayPair, path: str) -> None:
    assert all(
        httpx.get(process.url + path, timeout=DEADLINE, trust_env=False).is_success for process in gateways.processes
    )
    for written in (path, f"{path}?x", f"/{path}", f"{path}/", f"/.{path}", path.replace("e", "%65"), "/v1/.." + path):
        assert front.get(written)[0] in {401, 404}, written
        assert b"ocr_" not in front.get(written)[2]


@pytest.mark.parametrize(
    "path", ["/openapi.json", "/docs", "/docs/swagger-ui.css", "/problems/not_found", "/health/live"]
)
def test_what_describes_the_gateway_is_open(front: Front, path: str) -> None:
    assert front.get(path)[0] == 200


def test_a_megabyte_is_taken_in_and_read_back(front: Front, key: IssuedKey) -> None:
    scan = noise(600, 600)
    assert len(scan) > 1_000_000
    with through(front, key) as client:
        taken = client.post("/v1/documents?type=prescription", content=scan, headers={**PNG, "Prefer": "wait=60"})
        assert (taken.status_code, taken.json()["state"]) == (200, "completed")
        read = client.get(f"{taken.headers['Location']}/text")
        assert read.text.strip() == SAID
        again = client.post("/v1/documents?type=prescription", content=scan, headers=PNG)
        assert again.json()["duplicate"] is True


def test_twenty_mebibytes_are_taken_in(front: Front, key: IssuedKey) -> None:
    scan = noise(8, 8)
    scan += os.urandom(16) + bytes(MOST - len(scan) - 16)
    with through(front, key) as client:
        assert client.post("/v1/documents", content=scan, headers=PNG).status_code == 202


@pytest.mark.parametrize("size", [MOST + 1, MOST + 1024 * 1024], ids=["a byte more", "a mebibyte more"])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in pieces"])
def test_more_is_refused_as_a_problem(
    front: Front, gateways: GatewayPair, key: IssuedKey, size: int, announced: bool
) -> None:
    before = gateways.counted()
    scan = noise(8, 8)
    scan += bytes(size - len(scan))
    headers = signed(key, "POST", "/v1/documents", PNG, scan)
    status, shown, body = upload(front, headers, scan, announced=announced)
    assert (status, shown["Content-Type"]) == (413, PROBLEM)
    assert b'"too_large"' in body
    assert gateways.counted() == before


def test_a_body_that_does_not_come_is_given_up(fronts: dict[str, Front], key: IssuedKey) -> None:
    """By the gateway, in its own words: the proxies' bounds are later."""
    scan = noise(8, 8)
    with ExitStack() as stack:
        begun = {name: stack.enter_context(front.raw()) for name, front in fronts.items()}
        for connection in begun.values():
            headers = signed(key, "POST", "/v1/documents", PNG, scan)
            connection.sendall(head_of("POST", "/v1/documents", len(scan), headers) + scan[:40])
        for name, connection in begun.items():
            answer = HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.headers["Content-Type"]) == (408, PROBLEM), name
            assert b'"body_too_slow"' in answer.read(), name


def test_events_outlive_what_other_answers_may_take(impatient: Front, gateways: GatewayPair, key: IssuedKey) -> None:
    gateways.busy(is_busy=True)
    gateways.slow(0.6)
    said: list[str] = []
    with through(impatient, key) as client, directly(gateways.processes[0], key) as aside:
        cut = client.post(
            "/v1/documents", content=pages(8), headers={"Content-Type": "image/tiff", "Prefer": "wait=60"}
        )
        assert cut.status_code == 504, "other answers are cut off, or the rest shows nothing"
        (document,) = aside.get("/v1/documents?limit=1").json()["documents"]
        with client.stream("GET", f"/v1/documents/{document['id']}/events") as stream:
            began = time.monotonic()
            for line in stream.iter_lines():
                gateways.busy(is_busy=False)
                said += [line] if line.startswith("event:") else []
            lasted = time.monotonic() - began
    gateways.slow(0)
    assert said[-1] == "event: settled"
    assert said.count("event: progress") >= 4
    assert lasted > IMPATIENCE


def test_a_gateway_that_is_told_to_stop_finishes_what_it_has(
    clients: list[httpx.Client], gateways: GatewayPair
) -> None:
    """Sixteen requests wait at two gateways; one is told to stop, as in a rolling deploy, and nobody notices."""
    stopped, _ = gateways.processes
    gateways.busy(is_busy=True)
    kept = gateways.counted()
    with ThreadPoolExecutor(16) as threads:
        waiting = [threads.submit(hand_in, client, {"Prefer": "wait=60"}) for client in clients for _ in range(8)]
        until(lambda: gateways.counted() == kept + 16, "all documents taken in", every=0.5)
        before = len(stopped.answered())
        stopped.tell_to_stop()
        until(lambda: not stopped.listens(), "no new requests at the gateway that was told to stop")
        for client in clients:
            assert [client.get("/v1/documents").status_code for _ in range(10)] == [200] * 10
            assert [hand_in(client).status_code for _ in range(5)] == [202] * 5
        assert len(stopped.answered()) == before
        gateways.busy(is_busy=False)
        assert [one.result(DEADLINE).status_code for one in waiting] == [200] * 16
    until(stopped.has_ended, "the end of the gateway")
    assert len(stopped.answered()) > before, "nothing was in its hands, so this shows nothing"
    stopped.start()
    for client in clients:
        until(lambda client=client: took_part(stopped, client), "a gateway taken back")  # type: ignore[misc]


def test_without_one_gateway_the_other_answers_and_without_both_it_is_503(
    clients: list[httpx.Client], gateways: GatewayPair
) -> None:
    """What cannot be connected to is asked of the other, and then left alone until it is back."""
    killed, other = gateways.processes
    killed.kill()
    for client in clients:
        assert [client.get("/v1/documents").status_code for _ in range(20)] == [200] * 20
        assert [hand_in(client).status_code for _ in range(10)] == [202] * 10
    other.kill()
    for client in clients:
        assert client.get("/v1/documents").status_code == 503
        assert client.get("/metrics").status_code == 404
    gateways.start()
    for client in clients:
        for process in gateways.processes:
            until(lambda pair=(process, client): took_part(*pair), "a gateway taken back")  # type: ignore[misc]


def logged(gateways: GatewayPair) -> set[str]:
    """The ids of the requests that the gateways answered."""
    return {line["request"] for process in gateways.processes for line in process.answered()}


def took_part(process: GatewayProcess, client: httpx.Client) -> bool:
    before = len(process.answered())
    for _ in range(4):
        client.get("/v1/documents")
    return len(process.answered()) > before


def hand_in(client: httpx.Client, headers: dict[str, str] | None = None) -> httpx.Response:
    """A page that was never seen before."""
    page = line_page(f"Page number {next(_SEEN)}")
    return client.post("/v1/documents", content=page, headers={**PNG, **(headers or {})})


def upload(front: Front, headers: dict[str, str], body: bytes, *, announced: bool) -> tuple[int, Any, bytes]:
    """Send a body as far as it is taken; status, headers and body of what is answered."""
    head = [f"{name}: {value}" for name, value in headers.items()]
    length = f"Content-Length: {len(body)}" if announced else "Transfer-Encoding: chunked"
    with front.raw() as connection:
        connection.sendall(
            "\r\n".join(["POST /v1/documents HTTP/1.1", "Host: gateway", length, *head, "", ""]).encode()
        )
        with suppress(OSError):
            for start in range(0, len(body), PIECE):
                piece = body[start : start + PIECE]
                connection.sendall(piece if announced else b"%x\r\n%s\r\n" % (len(piece), piece))
            connection.sendall(b"" if announced else b"0\r\n\r\n")
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers, answer.read()


def noise(width: int, height: int) -> bytes:
    """A picture that does not compress, and was never seen before."""
    return picture([Image.frombytes("RGB", (width, height), os.urandom(width * height * 3))], "PNG")


def pages(count: int) -> bytes:
    """A document of so many pages that were never seen before."""
    return picture([Image.open(io.BytesIO(line_page(f"Page number {next(_SEEN)}"))) for _ in range(count)], "TIFF")


def picture(images: list[Image.Image], kind: str) -> bytes:
    data = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if len(images) > 1 else {}
    images[0].save(data, kind, dpi=(200, 200), **more)
    return data.getvalue()
