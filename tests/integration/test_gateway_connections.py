"""Connections to the command's HTTP server: what a client that does not play along can hold, and for how long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn

from ocr_pipeline.gateway.connections import BoundedConnection
from tests.waiting import until

SECONDS = 0.3
_DEADLINE = 20.0
_MUCH = 64 * 1024 * 1024
_LIVE = b"GET /live HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"


class Hasty(BoundedConnection):
    """With little patience."""

    head_seconds = linger_seconds = stalled_seconds = SECONDS


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers without reading the body; much, where that is asked for."""
    if scope["type"] != "http":
        return
    body = bytes(_MUCH) if scope["path"] == "/much" else b"answered"
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server with such connections."""
    server = uvicorn.Server(
        uvicorn.Config(application, "127.0.0.1", 0, http=Hasty, lifespan="off", log_config=None, timeout_keep_alive=30)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the server")
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(_DEADLINE)
    assert not thread.is_alive()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=_DEADLINE)


def received(link: socket.socket) -> bytes:
    """Everything up to the end of the connection, which must come in time."""
    answer = bytearray()
    with suppress(ConnectionResetError):
        while piece := link.recv(65536):
            answer += piece
    return bytes(answer)


def answer_on(link: socket.socket) -> bytes:
    """One answer of the small kind."""
    answer = b""
    while not answer.endswith(b"answered"):
        piece = link.recv(65536)
        assert piece, "the connection is closed"
        answer += piece
    return answer


def is_cut_off(link: socket.socket, drop: bytes) -> bool:
    """Whether who sends on, a drop at a time, is cut off in time."""
    deadline = time.monotonic() + _DEADLINE
    with suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() < deadline:
            link.sendall(drop)
            time.sleep(SECONDS / 10)
        return False
    return True


@pytest.mark.parametrize("begun", [b"", b"GET /live HTTP/1.1\r\nHost: gateway\r\nX-"])
def test_a_head_that_does_not_come_is_not_waited_for(port: int, begun: bytes) -> None:
    with connect(port) as link:
        link.sendall(begun)
        assert received(link) == b""


def test_a_head_that_drips_in_is_not_waited_for_either(port: int) -> None:
    with connect(port) as link:
        assert is_cut_off(link, b"X"), "the connection stays open"


def test_the_next_head_is_waited_for_no_longer(port: int) -> None:
    with connect(port) as link:
        link.sendall(b"GET /live HTTP/1.1\r\nHost: gateway\r\n\r\nGET /live HTTP/1.1\r\n")
        assert received(link).count(b"HTTP/1.1 200") == 1


def test_what_follows_a_refusal_is_not_read_for_ever(port: int) -> None:
    with connect(port) as link:
        link.sendall(b"POST /live HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert answer_on(link).startswith(b"HTTP/1.1 200")
        assert is_cut_off(link, b"1\r\nx\r\n"), "the body is read on"


def test_the_rest_of_a_body_that_comes_soon_is_no_fault(port: int) -> None:
    with connect(port) as link:
        link.sendall(b"POST /live HTTP/1.1\r\nHost: gateway\r\nContent-Length: 4\r\n\r\n")
        assert answer_on(link).startswith(b"HTTP/1.1 200")
        link.sendall(b"rest" + _LIVE)
        assert received(link).startswith(b"HTTP/1.1 200")


def test_who_does_not_read_loses_the_connection(port: int) -> None:
    with connect(port) as link:
        link.sendall(b"GET /much HTTP/1.1\r\nHost: gateway\r\n\r\n")
        time.sleep(4 * SECONDS)
        assert len(received(link)) < _MUCH


def test_who_reads_gets_all_of_it(port: int) -> None:
    with connect(port) as link:
        link.sendall(b"GET /much HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        assert len(received(link)) > _MUCH


def test_a_request_of_two_lengths_is_the_last_of_its_connection(port: int) -> None:
    framed = b"POST /live HTTP/1.1\r\nHost: gateway\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with connect(port) as link:
        link.sendall(framed + _LIVE)
        assert received(link).count(b"HTTP/1.1 ") == 1


def test_a_connection_that_is_used_stays(port: int) -> None:
    with connect(port) as link:
        for _ in range(3):
            link.sendall(b"GET /live HTTP/1.1\r\nHost: gateway\r\n\r\n")
            assert answer_on(link).endswith(b"answered")
