"""The shipped Envoy and HAProxy configurations before a stand-in, for what a gateway does not tell of a request."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.front_proxy_harness import DEADLINE, PROXIES, Front, running
from tests.stand_in_gateway import StandIn, stand_in

MIB = bytes(1024 * 1024)
HASTY = {
    "envoy": {
        "request_timeout: 130s": "request_timeout: 5s",
        "{ max_tokens: 200, tokens_per_fill: 100, fill_interval: 1s }": (
            "{ max_tokens: 200, tokens_per_fill: 1, fill_interval: 3600s }"
        ),
    },
    "haproxy": {
        "timeout client 20s": "timeout client 5s",
        "timeout server 90s": "timeout server 5s",
        "http_req_rate(10s)": "http_req_rate(1h)",
        "sc_http_req_rate(0) gt 1000": "sc_http_req_rate(0) gt 200",
    },
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[StandIn]:
    """What stands behind the proxies."""
    with stand_in() as started:
        yield started


@pytest.fixture(scope="module", params=PROXIES)
def shared_front(
    request: pytest.FixtureRequest, upstream: StandIn, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    """A proxy for all tests that leave it as it was."""
    with running(request.param, tmp_path_factory.mktemp(request.param), [upstream.port]) as started:
        yield started


@pytest.fixture
def front(shared_front: Front, upstream: StandIn) -> Front:
    """The shared proxy, with nothing asked yet."""
    upstream.asked.clear()
    upstream.first_piece.clear()
    return shared_front


@pytest.fixture(scope="module")
def hasty(upstream: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Front]]:
    """Both proxies, side by side as each wait is long, with 5 seconds where they would wait 20 to 130.

    They count requests by the hour: how many a busy machine can make in a second is not the question. The last test
    floods them.
    """
    with ExitStack() as stack:
        yield [
            stack.enter_context(running(name, tmp_path_factory.mktemp(name), [upstream.port], HASTY))
            for name in PROXIES
        ]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/documents",
        "/v1/a%2Fb%2fc",
        "/v1//documents/./x/../y",
        "/v1/%41%7E~%EC%9D%98?q=%20+&q=&%2F=/..//&a=b%3Fc",
        "/v1/documents?",
        "/v1/x;y=1,2'()*!$&@:",
    ],
)
def test_paths_and_queries_arrive_byte_for_byte(front: Front, upstream: StandIn, path: str) -> None:
    """They are signed."""
    status, _, _ = front.get(path)
    assert status == 200
    (asked,) = upstream.asked
    given, _, query = path.partition("?")
    assert (asked["raw_path"].decode(), asked["query_string"].decode()) == (given, query)


def test_a_sender_cannot_choose_its_address(front: Front, upstream: StandIn) -> None:
    front.get("/v1/documents", {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"})
    arrived = dict(upstream.asked[0]["headers"])
    assert not arrived[b"x-forwarded-for"].endswith(b"203.0.113.9")
    assert arrived[b"x-forwarded-proto"] == b"https"


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/health/ready", "/metrics?x", "//metrics", "/%6Detrics", "/./metrics", "/metrics/", "/", "/v1",
     "/health/live/../ready", "/flower"],
)  # fmt: skip
def test_what_is_closed_never_reaches_the_gateway(front: Front, upstream: StandIn, path: str) -> None:
    status, _, _ = front.get(path)
    assert status == 404
    assert upstream.asked == []


@pytest.mark.parametrize(
    "headers",
    [{f"X-{number}": "y" for number in range(100)}, {"X-Long": "y" * 40_000}, {"X_Client": "clinic"}],
    ids=["many", "large", "underscored"],
)
def test_unreasonable_headers_never_reach_the_gateway(front: Front, upstream: StandIn, headers: dict[str, str]) -> None:
    status, _, _ = front.get("/v1/documents", headers)
    assert 400 <= status < 500
    assert upstream.asked == []


def test_reasonable_headers_do(front: Front) -> None:
    headers = {f"X-{number}": "y" for number in range(30)} | {"X-Long": "y" * 8_000}
    assert front.get("/v1/documents", headers)[0] == 200


def test_a_body_streams_through(front: Front, upstream: StandIn) -> None:
    """The rest is only sent once the upstream has seen the beginning: a proxy that gathers the body never gets it."""
    connection = front.connect()
    connection.putrequest("POST", "/v1/documents")
    connection.putheader("Content-Length", str(20 * len(MIB)))
    connection.endheaders(MIB)
    assert upstream.first_piece.wait(DEADLINE)
    for _ in range(19):
        connection.send(MIB)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, str(20 * len(MIB)).encode())
    connection.close()


def test_a_connection_that_never_says_anything_in_tls_is_cut(hasty: list[Front]) -> None:
    with ExitStack() as stack:
        for bare in [
            stack.enter_context(socket.create_connection(("127.0.0.1", front.port), DEADLINE)) for front in hasty
        ]:
            assert bare.recv(1) == b""


def test_slow_headers_are_cut(hasty: list[Front], upstream: StandIn) -> None:
    """One more header every now and then keeps no connection; without a bound this would go on for the deadline."""
    upstream.asked.clear()
    with ThreadPoolExecutor(len(hasty)) as threads:
        for answer in threads.map(answer_to_slow_headers, hasty):
            assert answer.startswith(b"HTTP/1.1 408")
    assert upstream.asked == []


def answer_to_slow_headers(front: Front) -> bytes:
    """What is said at the end. It may be lost where a header crosses it on the way; then once more from the start."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with suppress(ConnectionError, ssl.SSLError), front.raw() as connection:
            connection.sendall(b"GET /v1/documents HTTP/1.1\r\nHost: localhost\r\n")
            connection.settimeout(0.3)
            while time.monotonic() < deadline:
                with suppress(TimeoutError):
                    return connection.recv(4096)
                connection.sendall(b"X-One: more\r\n")
    return b""


def test_a_body_that_does_not_come_is_cut_where_no_gateway_does_so(hasty: list[Front]) -> None:
    """HAProxy holds it against the gateway, which has not answered for so long."""
    with ExitStack() as stack:
        begun = {front.name: stack.enter_context(front.raw()) for front in hasty}
        for connection in begun.values():
            connection.sendall(b"POST /v1/documents HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nbegun")
        for name, status in {"envoy": b"408", "haproxy": b"504"}.items():
            assert begun[name].recv(4096).startswith(b"HTTP/1.1 " + status)


def test_a_flood_is_stopped(hasty: list[Front]) -> None:
    """Who asks and asks is told to wait, with no word to the gateway."""
    for front in hasty:
        connection, answered = front.connect(), []
        while 429 not in answered and len(answered) < 1_000:
            connection.request("GET", "/flood")
            answer = connection.getresponse()
            answer.read()
            answered.append(answer.status)
            assert answer.status == 404 or int(answer.headers["Retry-After"]) > 0
        connection.close()
        assert set(answered) == {404, 429}, front.name
        assert len(answered) > 100, front.name
