"""The shipped Envoy and HAProxy configurations, run for real: what gets through them, unaltered, and what does not."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from tests.front_proxy_harness import DEADLINE, EVENT, Front, ProxyMissing, StandIn, running, stand_in, until

MIB = bytes(1024 * 1024)
PROXIES = ["envoy", "haproxy"]


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
    with _started(request.param, tmp_path_factory.mktemp(request.param), upstream) as front:
        yield front


@pytest.fixture
def front(shared_front: Front) -> Front:
    """The shared proxy, with nothing asked yet."""
    upstream = shared_front.upstream
    upstream.asked.clear()
    upstream.first_piece.clear()
    upstream.say_more.clear()
    return shared_front


@pytest.fixture(params=PROXIES)
def own_front(request: pytest.FixtureRequest, upstream: StandIn, tmp_path: Path) -> Iterator[Front]:
    """A proxy for one test that uses it up."""
    with _started(request.param, tmp_path, upstream) as front:
        yield front


@contextmanager
def _started(name: str, folder: Path, upstream: StandIn) -> Iterator[Front]:
    try:
        with running(name, folder, upstream) as front:
            yield front
    except ProxyMissing as missing:
        pytest.skip(str(missing))


def test_tls_ends_here_and_offers_both_protocols(front: Front) -> None:
    for protocol in ("h2", "http/1.1"):
        front.trust.set_alpn_protocols([protocol])
        with front.raw() as connection:
            assert connection.selected_alpn_protocol() == protocol
            assert connection.version() == "TLSv1.3"
    front.trust.set_alpn_protocols(["http/1.1"])


def test_a_stranger_to_the_certificate_turns_back(front: Front) -> None:
    with (
        socket.create_connection(("127.0.0.1", front.port), 30) as bare,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(bare, server_hostname="127.0.0.1")


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
def test_paths_and_queries_arrive_byte_for_byte(front: Front, path: str) -> None:
    """They are signed."""
    status, _, _ = front.get(path)
    assert status == 200
    (asked,) = front.upstream.asked
    given, _, query = path.partition("?")
    assert (asked["raw_path"].decode(), asked["query_string"].decode()) == (given, query)


def test_headers_that_are_signed_arrive_as_they_were_sent(front: Front) -> None:
    signed = {
        "Content-Digest": "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        "Signature-Input": 'sig1=("@method" "@path" "@query");created=1;keyid="k";nonce="n"',
        "Signature": "sig1=:AAAA:",
        "Idempotency-Key": '"a b"',
        "Prefer": "wait=10",
    }
    front.get("/v1/documents", signed)
    arrived = dict(front.upstream.asked[0]["headers"])
    assert {name: arrived[name.lower().encode()].decode() for name in signed} == signed


def test_a_request_id_arrives_with_every_request(front: Front) -> None:
    front.get("/v1/documents")
    front.get("/v1/documents", {"X-Request-Id": "made-by-the-client.1"})
    made, given = (dict(asked["headers"])[b"x-request-id"].decode() for asked in front.upstream.asked)
    assert str(UUID(made)) == made
    assert given == "made-by-the-client.1"


def test_a_sender_cannot_choose_its_address(front: Front) -> None:
    front.get("/v1/documents", {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"})
    arrived = dict(front.upstream.asked[0]["headers"])
    assert not arrived[b"x-forwarded-for"].endswith(b"203.0.113.9")
    assert arrived[b"x-forwarded-proto"] == b"https"


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/health/ready", "/metrics?x", "//metrics", "/%6Detrics", "/./metrics", "/metrics/", "/", "/v1",
     "/health/live/../ready", "/flower"],
)  # fmt: skip
def test_the_inside_is_not_shown(front: Front, path: str) -> None:
    status, _, _ = front.get(path)
    assert status == 404
    assert front.upstream.asked == []


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/problems/not_found", "/health/live"])
def test_what_describes_the_gateway_is_open(front: Front, path: str) -> None:
    assert front.get(path)[0] == 200


def test_slow_headers_are_cut(front: Front) -> None:
    """One more header every half second keeps no connection; without a bound this would go on for the deadline."""
    with front.raw() as connection:
        connection.sendall(b"GET /v1/documents HTTP/1.1\r\nHost: localhost\r\n")
        connection.settimeout(0.5)
        answer = b""
        for number in range(60):
            try:
                answer = connection.recv(4096)
                break
            except TimeoutError:
                connection.sendall(b"X-%d: y\r\n" % number)
    assert answer.startswith(b"HTTP/1.1 408")
    assert front.upstream.asked == []


def test_a_connection_that_never_says_anything_in_tls_is_cut(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), 30) as bare:
        assert bare.recv(1) == b""


@pytest.mark.parametrize(
    "headers",
    [{f"X-{number}": "y" for number in range(100)}, {"X-Long": "y" * 40_000}, {"X_Client": "clinic"}],
    ids=["many", "large", "underscored"],
)
def test_unreasonable_headers_are_refused(front: Front, headers: dict[str, str]) -> None:
    status, _, _ = front.get("/v1/documents", headers)
    assert 400 <= status < 500
    assert front.upstream.asked == []


def test_reasonable_headers_are_not(front: Front) -> None:
    headers = {f"X-{number}": "y" for number in range(30)} | {"X-Long": "y" * 8_000}
    assert front.get("/v1/documents", headers)[0] == 200


def test_a_body_streams_through(front: Front) -> None:
    """The rest is only sent once the upstream has seen the beginning: a proxy that gathers the body never gets it."""
    connection = front.connect()
    connection.putrequest("POST", "/v1/documents")
    connection.putheader("Content-Length", str(20 * len(MIB)))
    connection.endheaders(MIB)
    assert front.upstream.first_piece.wait(30)
    for _ in range(19):
        connection.send(MIB)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, str(20 * len(MIB)).encode())
    connection.close()


def test_an_event_arrives_before_the_next_is_sent(front: Front) -> None:
    connection = front.connect()
    connection.request("GET", "/v1/documents/0197/events?a=b")
    answer = connection.getresponse()
    assert answer.read(len(EVENT)) == EVENT
    front.upstream.say_more.set()
    assert answer.read() == EVENT
    connection.close()


def test_a_flood_is_stopped(own_front: Front) -> None:
    """A few connections that ask and ask, until one is told to wait."""
    told = threading.Event()

    def flood() -> tuple[list[int], str | None]:
        statuses, deadline = [], time.monotonic() + DEADLINE
        connection = own_front.connect()
        while not told.is_set() and time.monotonic() < deadline:
            connection.request("GET", "/flood")
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            if answer.status == 429:
                told.set()
                return statuses, answer.getheader("Retry-After")
        connection.close()
        return statuses, None

    with ThreadPoolExecutor(4) as threads:
        floods = [flooding.result() for flooding in [threads.submit(flood) for _ in range(4)]]
    statuses = [status for answered, _ in floods for status in answered]
    assert set(statuses) == {404, 429}
    assert statuses.count(404) > 100
    assert all(int(wait) > 0 for _, wait in floods if wait is not None)


@pytest.mark.parametrize("name", PROXIES)
def test_no_gateway_is_503_until_one_is_back(name: str, tmp_path: Path) -> None:
    with ExitStack() as first, ExitStack() as kept:
        upstream = first.enter_context(stand_in())
        front = kept.enter_context(_started(name, tmp_path, upstream))
        assert front.get("/v1/documents")[0] == 200
        first.close()
        assert front.get("/v1/documents")[0] == 503
        assert front.get("/metrics")[0] == 404
        kept.enter_context(stand_in(upstream.port))
        until(lambda: front.get("/v1/documents")[0] == 200, "the gateway that came back is not found")
