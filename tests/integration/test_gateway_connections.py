"""Connections to the command's HTTP server: what a client that does not play along can hold, and for how long."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from ocr_pipeline.gateway.connections import BoundedConnection
from tests.waiting import PATIENCE, until

SECONDS = 0.3
"""What is waited for by a server that soon gives up."""

_MUCH = 64 * 1024 * 1024
_LIVE = b"GET /live HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"


@dataclass
class Served:
    """A server on a port of its own, its connections in the order of their making, and whether one was lost."""

    bounds: dict[str, float]
    port: int = 0
    loop: asyncio.AbstractEventLoop | None = None
    connections: list[BoundedConnection] = field(default_factory=list)
    lost: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answers without reading the body; much, or in a hurry from now on, where that is asked for."""
        if scope["path"] == "/hurry":
            self.hurry()
        body = bytes(_MUCH) if scope["path"] == "/much" else b"answered"
        length = str(len(body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})

    def hurry(self) -> None:
        for connection in self.connections:
            type(connection).head_seconds = SECONDS

    def connection(self) -> type[BoundedConnection]:
        """Connections with the bounds of this server, which it knows of."""
        served = self

        class Bounded(BoundedConnection):
            def connection_made(self, transport: Any) -> None:
                served.loop = self.loop
                served.connections.append(self)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                served.lost.set()

        for name, seconds in self.bounds.items():
            setattr(Bounded, name, seconds)
        return Bounded

    def let_time_pass(self) -> None:
        """As if the client that takes an answer had had its time."""
        (connection,) = self.connections
        until(lambda: connection._stalled is not None, "the answer to wait for its reader")
        assert self.loop is not None
        assert connection._stalled is not None
        self.loop.call_soon_threadsafe(connection._stalled._run)


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that wait for nothing but what is named, and for that `SECONDS` alone."""
    with ExitStack() as stack:
        yield lambda *bounds: stack.enter_context(serving(bounds))


@contextmanager
def serving(hasty: Sequence[str]) -> Iterator[Served]:
    names = ("head_seconds", "linger_seconds", "stalled_seconds")
    served = Served({name: SECONDS if name in hasty else PATIENCE for name in names})
    server = uvicorn.Server(
        uvicorn.Config(
            served, "127.0.0.1", 0, http=served.connection(), lifespan="off", log_config=None,
            timeout_keep_alive=int(PATIENCE),
        )
    )  # fmt: skip
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, "the server")
        served.port = server.servers[0].sockets[0].getsockname()[1]
        yield served
    finally:
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE)
    assert not thread.is_alive()


def connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE)


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
    deadline = time.monotonic() + PATIENCE
    with suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() < deadline:
            link.sendall(drop)
            time.sleep(SECONDS / 10)
        return False
    return True


@pytest.mark.parametrize("begun", [b"", b"GET /live HTTP/1.1\r\nHost: gateway\r\nX-"])
def test_a_head_that_does_not_come_is_not_waited_for(serve: Serve, begun: bytes) -> None:
    with connect(serve("head_seconds")) as link:
        link.sendall(begun)
        assert received(link) == b""


def test_a_head_that_drips_in_is_not_waited_for_either(serve: Serve) -> None:
    with connect(serve("head_seconds")) as link:
        assert is_cut_off(link, b"X"), "the connection stays open"


def test_the_next_head_is_waited_for_no_longer(serve: Serve) -> None:
    """The first may take its time: how soon a busy machine sends it is not asked here."""
    with connect(serve()) as link:
        link.sendall(b"GET /hurry HTTP/1.1\r\nHost: gateway\r\n\r\nGET /live HTTP/1.1\r\n")
        assert received(link).count(b"HTTP/1.1 200") == 1


def test_what_follows_a_refusal_is_not_read_for_ever(serve: Serve) -> None:
    with connect(serve("linger_seconds")) as link:
        link.sendall(b"POST /live HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert answer_on(link).startswith(b"HTTP/1.1 200")
        assert is_cut_off(link, b"1\r\nx\r\n"), "the body is read on"


def test_the_rest_of_a_body_that_comes_soon_is_no_fault(serve: Serve) -> None:
    with connect(serve()) as link:
        link.sendall(b"POST /live HTTP/1.1\r\nHost: gateway\r\nContent-Length: 4\r\n\r\n")
        assert answer_on(link).startswith(b"HTTP/1.1 200")
        link.sendall(b"rest" + _LIVE)
        assert received(link).startswith(b"HTTP/1.1 200")


def test_who_does_not_read_loses_the_connection(serve: Serve) -> None:
    served = serve("stalled_seconds")
    with connect(served) as link:
        link.sendall(b"GET /much HTTP/1.1\r\nHost: gateway\r\n\r\n")
        assert served.lost.wait(PATIENCE), "the connection stays open"
        assert len(received(link)) < _MUCH


def test_who_reads_gets_all_of_it_however_long_it_takes(serve: Serve) -> None:
    served = serve()
    with connect(served) as link:
        link.sendall(b"GET /much HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        half = 0
        while half < _MUCH // 2:
            half += len(link.recv(65536))
        served.let_time_pass()
        assert half + len(received(link)) > _MUCH


def test_a_request_of_two_lengths_is_the_last_of_its_connection(serve: Serve) -> None:
    framed = b"POST /live HTTP/1.1\r\nHost: gateway\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    with connect(serve()) as link:
        link.sendall(framed + _LIVE)
        assert received(link).count(b"HTTP/1.1 ") == 1


def test_a_connection_that_is_used_stays(serve: Serve) -> None:
    with connect(serve()) as link:
        for _ in range(3):
            link.sendall(b"GET /live HTTP/1.1\r\nHost: gateway\r\n\r\n")
            assert answer_on(link).endswith(b"answered")
