"""A small HTTP server for probes: whether the supervisor lives, whether the model server reads, and figures.

It runs on the supervisor's own event loop: a supervisor that is stuck answers nothing, and so is not alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from ocr_pipeline.adapters.engines.serve.status import Status
from ocr_pipeline.domain.errors import ConfigurationError

LONGEST_HEAD: Final = 8192
MOST_CONNECTIONS: Final = 32
_SECONDS = 5.0
_END = b"\r\n\r\n"
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    content_type: str = "application/json"

    def encode(self, *, with_body: bool = True) -> bytes:
        head = (
            f"HTTP/1.1 {self.status} {_PHRASES[self.status]}\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode("ascii") + (self.body if with_body else b"")


class HealthServer:
    """Serves `/health/live`, `/health/ready` and `/metrics` while entered. Port 0 takes a free one: see `port`."""

    def __init__(self, host: str, port: int, status: Status, registry: CollectorRegistry) -> None:
        self._host = host
        self._port = port
        self._status = status
        self._registry = registry
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens, once entered."""
        assert self._server is not None  # noqa: S101 - asked too early
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        """Begin to listen. Raises ConfigurationError where the port is not to be had."""
        try:
            self._server = await asyncio.start_server(self._accept, self._host, self._port, limit=LONGEST_HEAD)
        except OSError as error:
            raise ConfigurationError(f"the port for health checks cannot be had ({error.strerror})") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.close()
            return
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, TimeoutError):  # who is slow or gone gets nothing
            async with asyncio.timeout(_SECONDS):
                writer.write(await self._reply(reader))
                await writer.drain()

    async def _reply(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(_END)
        except asyncio.LimitOverrunError:
            return _state(431, "request too long").encode()
        except asyncio.IncompleteReadError:
            return _state(400, "no request").encode()
        words = head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004 - method, target, version
            return _state(400, "no request").encode()
        method, target, _ = words
        if method not in {b"GET", b"HEAD"}:
            return _state(405, "only GET and HEAD").encode()
        return self._answer(target.partition(b"?")[0]).encode(with_body=method == b"GET")

    def _answer(self, path: bytes) -> _Answer:
        status = self._status
        match path:
            case b"/health/live":
                return _state(200 if status.live else 503, status.state.value)
            case b"/health/ready":
                state = status.state.value
                return _state(200 if status.ready else 503, state, status.seconds_since_reading)
            case b"/metrics":
                return _Answer(200, generate_latest(self._registry), CONTENT_TYPE_LATEST)
            case _:
                return _state(404, "not found")


def _state(code: int, state: str, reading_age: float | None = None) -> _Answer:
    body: dict[str, str | float] = {"state": state}
    if reading_age is not None:
        body["seconds_since_reading"] = round(reading_age, 1)
    return _Answer(code, json.dumps(body).encode())
