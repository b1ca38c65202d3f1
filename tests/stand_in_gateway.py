"""A stand-in for the gateway: keeps what arrived, byte for byte, and shows when the parts of a request do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.front_proxy_harness import DEADLINE
from tests.waiting import until


@dataclass
class StandIn:
    """An ASGI app in the gateway's place, for what a real one does not tell of a request."""

    port: int
    asked: list[dict[str, Any]] = field(default_factory=list)
    first_piece: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        if scope["path"] != "/health/live":
            self.asked.append(scope)
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size:
                self.first_piece.set()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": str(size).encode()})


@contextmanager
def stand_in(port: int = 0) -> Iterator[StandIn]:
    """The stand-in on a port of its own, or on that of one that has gone."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        upstream = StandIn(port=listener.getsockname()[1])
        server = uvicorn.Server(
            uvicorn.Config(upstream, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started, "the stand-in to start", DEADLINE)
            yield upstream
        finally:
            server.should_exit = True
            thread.join(DEADLINE)
