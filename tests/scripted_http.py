"""As much of HTTP/1.1 as the scripted model server needs (see `scripted_vllm`)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

JSON_TYPE = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Page:
    """A whole answer."""

    content: bytes | str
    kind: str = JSON_TYPE
    status: int = 200


class Connection:
    """One client's connection. `idle` while no request is under way."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.idle = True
        self.keeps_open = True
        self._reader = reader
        self._writer = writer
        self._ahead = bytearray()

    async def request(self) -> Request:
        """The next request. Raises EOFError when the client has gone."""
        self.idle = True
        while (end := self._ahead.find(b"\r\n\r\n")) < 0:
            await self._read_on()
        self.idle = False
        first, *lines = self._ahead[:end].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        start, stop = end + 4, end + 4 + int(headers.get("content-length", 0))
        while len(self._ahead) < stop:
            await self._read_on()
        content = bytes(self._ahead[start:stop])
        del self._ahead[:stop]
        return Request(method, path, headers, content)

    async def gone(self) -> None:
        """Return when the client has closed the connection. What it sends ahead is kept."""
        with suppress(EOFError, ConnectionError):
            while True:
                await self._read_on()

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def reply(self, page: Page, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer."""
        content = page.content.encode() if isinstance(page.content, str) else page.content
        self.head(page.status, {"Content-Type": page.kind, "Content-Length": str(len(content)), **(headers or {})})
        await self.write(content)

    async def write(self, data: bytes) -> None:
        """Bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    def cut(self, *, reset: bool) -> None:
        """Close at once; a reset throws away what the client has not read yet."""
        self.keeps_open = False
        raw = self._writer.get_extra_info("socket")
        if reset and raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _read_on(self) -> None:
        data = await self._reader.read(1 << 16)
        if not data:
            raise EOFError
        self._ahead += data
