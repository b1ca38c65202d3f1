"""One request to the scripted model server and the means to answer it (see `scripted_vllm`)."""

from __future__ import annotations

import asyncio
import base64
import heapq
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

from tests.scripted_http import EVENT_STREAM, Connection, Page


class Outcome(StrEnum):
    """How a request ended: answered, given up by the client, refused with an error, or broken off by the server."""

    OPEN = "open"
    FINISHED = "finished"
    ABORTED = "aborted"
    REFUSED = "refused"
    BROKEN = "broken"


@dataclass(eq=False)
class Ask:
    """What was asked and what became of it. Times are seconds of one steady clock, None before the event."""

    request_id: str
    body: dict[str, Any]
    headers: Mapping[str, str]
    arrived: float
    started: float | None = None
    ended: float | None = None
    outcome: Outcome = Outcome.OPEN
    tokens: int = 0

    @property
    def priority(self) -> int:
        """Lower goes first."""
        return int(self.body.get("priority", 0))

    @property
    def prompt(self) -> str:
        """All text of all messages."""
        parts = [part for message in self.body["messages"] for part in _parts(message["content"])]
        return "\n".join(part["text"] for part in parts if part["type"] == "text")

    @property
    def image(self) -> tuple[str, bytes]:
        """Media type and bytes of the page image."""
        parts = [part for message in self.body["messages"] for part in _parts(message["content"])]
        url = next(part["image_url"]["url"] for part in parts if part["type"] == "image_url")
        kind, _, data = url.removeprefix("data:").partition(";base64,")
        return kind, base64.b64decode(data, validate=True)


class Slots:
    """So many requests at once; the others wait, lowest priority first, then by arrival. `changed` hears of it all."""

    def __init__(self, limit: int, changed: Callable[[], None]) -> None:
        self.limit = limit
        self.running = 0
        self._changed = changed
        self._order = count()
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet."""
        return len(self._queue)

    @asynccontextmanager
    async def turn(self, priority: int) -> AsyncIterator[None]:
        """Wait for a slot and keep it to the end of the block."""
        await self._acquire(priority)
        try:
            yield
        finally:
            self.running -= 1
            self.fill()

    def fill(self) -> None:
        """Give free slots to who waits."""
        while self._queue and self.running < self.limit:
            _, _, turn = heapq.heappop(self._queue)
            if not turn.done():
                self.running += 1
                turn.set_result(None)
        self._changed()

    async def _acquire(self, priority: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        entry = (priority, next(self._order), turn)
        heapq.heappush(self._queue, entry)
        self.fill()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.running -= 1
            elif entry in self._queue:
                self._queue.remove(entry)
                heapq.heapify(self._queue)
            self.fill()
            raise


@dataclass
class Call:
    """The server's end of one request. Behaviours answer through this and nothing else."""

    ask: Ask
    model: str
    slots: Slots
    connection: Connection
    answer_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.answer_id = f"chatcmpl-{self.ask.request_id}"

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a slot, as every generation does, and keep it."""
        async with self.slots.turn(self.ask.priority):
            self.ask.started = asyncio.get_running_loop().time()
            yield

    async def reply(self, page: Page, headers: Mapping[str, str] | None = None) -> None:
        """A whole answer that is no stream."""
        self.ask.outcome = Outcome.REFUSED
        await self.connection.reply(page, headers)

    async def open_stream(self, *, kind: str = EVENT_STREAM) -> None:
        """Status 200 and the headers of a stream of events."""
        self.connection.head(200, {"Content-Type": kind, "Transfer-Encoding": "chunked"})
        await self.connection.write(b"")

    async def send(self, data: bytes) -> None:
        """Bytes of the stream."""
        await self.connection.write(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, value: object) -> None:
        """One event; what is no string is sent as JSON."""
        await self.send(event_bytes(value))

    async def close_stream(self) -> None:
        """The proper end of a stream."""
        await self.connection.write(b"0\r\n\r\n")

    def chunk(self, content: str | None, **choice: object) -> dict[str, object]:
        """A piece of a chat completion; `choice` are further fields beside the delta."""
        delta = {} if content is None else {"content": content}
        return self.envelope([{"index": 0, "delta": delta, "finish_reason": None, **choice}])

    def envelope(self, choices: list[dict[str, object]], **fields: object) -> dict[str, object]:
        """What stands around the choices."""
        kind = "chat.completion.chunk"
        return {"id": self.answer_id, "object": kind, "created": 0, "model": self.model, "choices": choices, **fields}

    def cut(self, *, reset: bool = True) -> None:
        """Break the connection off, with a TCP reset or as a program that ends does."""
        self.ask.outcome = Outcome.BROKEN
        self.connection.cut(reset=reset)


def event_bytes(value: object) -> bytes:
    """One server-sent event."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def _parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
