"""A model server that does what a test tells it: real HTTP on 127.0.0.1, no model behind it.

    with ScriptedVllm(Says("one two three")) as server:
        ask(server.url)                                       # a client of the OpenAI chat protocol
        server.behave(overloaded("5"), times=2)               # the next two requests, then as before
        server.behave(Hangs(), when=lambda ask: "7" in ask.prompt)
        server.close_port()                                   # connections are refused from now ...
        server.open_port()                                    # ... and taken again on the same port
        server.wait_for(lambda it: it.running == 0)
        assert server.asks[0].outcome is Outcome.ABORTED

It streams chat completions with log-probabilities and ids made from X-Request-Id, has so many slots and a queue by
`priority`, and serves /metrics, /health and /v1/models. What it does with a request is a behaviour of
`scripted_answers`, the names of which can be imported from here. It runs on a thread of its own; every public method
may be called from any other thread. An error inside a behaviour fails the test that leaves the `with` block.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.scripted_answers import (
    Behaviour,
    ByRequest,
    DiesAfter,
    Drips,
    Fails,
    Hangs,
    Listing,
    Repeats,
    Replies,
    Says,
    Streams,
    by_bytes,
    by_characters,
    by_words,
    error_in_stream,
    html_page,
    invalid_utf8,
    obeys_page,
    overloaded,
    too_long,
)
from tests.scripted_call import Ask, Call, Outcome, Slots, event_bytes
from tests.scripted_http import Connection, Page, Request

__all__ = [
    "Ask",
    "Behaviour",
    "ByRequest",
    "Call",
    "DiesAfter",
    "Drips",
    "Fails",
    "Hangs",
    "Listing",
    "Outcome",
    "Page",
    "Repeats",
    "Replies",
    "Says",
    "ScriptedVllm",
    "Streams",
    "by_bytes",
    "by_characters",
    "by_words",
    "error_in_stream",
    "event_bytes",
    "html_page",
    "invalid_utf8",
    "obeys_page",
    "overloaded",
    "too_long",
]

HOST = "127.0.0.1"
DEADLINE = 120.0
_COMPLETIONS = "/v1/chat/completions"
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Result = TypeVar("Result")


@dataclass
class _Rule:
    behaviour: Behaviour
    when: Callable[[Ask], bool] | None = None
    left: int | None = None


class ScriptedVllm:
    """See the module.

    `slots` requests run at once. `pages` may be filled to replace the answer to any GET, None for one that never comes.
    `connections` counts those that were made so far.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        model: str = "ocr",
        slots: int = 64,
        api_key: str | None = None,
    ) -> None:
        self.model = model
        self.api_key = api_key
        self.cache_usage = 0.0
        self.pages: dict[str, Page | None] = {}
        self.connections = 0
        self.port = 0
        self._asks: list[Ask] = []
        self._rules = [_Rule(behaviour or Says("one two three"))]
        self._condition = Condition()
        self._slots = Slots(slots, self._changed)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="scripted-vllm", daemon=True)
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._errors: list[Exception] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self.open_port()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.die()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if error is None and self._errors:
            raise self._errors[0]

    @property
    def url(self) -> str:
        """The base address, without `/v1`."""
        return f"http://{HOST}:{self.port}"

    @property
    def asks(self) -> list[Ask]:
        """The generations asked for so far, by arrival."""
        with self._condition:
            return list(self._asks)

    @property
    def running(self) -> int:
        """Generations that have a slot."""
        return self._slots.running

    @property
    def waiting(self) -> int:
        """Generations that wait for a slot."""
        return self._slots.waiting

    def behave(
        self, behaviour: Behaviour, *, when: Callable[[Ask], bool] | None = None, times: int | None = None
    ) -> None:
        """Behave so from the next request on: for those that `when` picks, for so many `times`, else for all, for good.

        What was said last counts first.
        """
        with self._condition:
            if when is None and times is None:
                self._rules.clear()
            self._rules.insert(0, _Rule(behaviour, when, times))

    def set_slots(self, slots: int) -> None:
        """Change how many requests run at once."""

        async def change() -> None:
            self._slots.limit = slots
            self._slots.fill()

        self._run(change())

    def close_port(self) -> None:
        """Refuse connections; those that are idle are closed, those with a request go on."""
        self._run(self._stop_listening())

    def open_port(self) -> None:
        """Take connections, on the same port as before."""
        self._run(self._listen())

    def die(self) -> None:
        """Refuse connections and reset all that there are, as when the process is killed."""
        self._run(self._break_all())

    def wait_for(self, condition: Callable[[Self], bool], *, seconds: float = DEADLINE) -> None:
        """Wait until the condition holds; fails the test after so many seconds."""
        with self._condition:
            assert self._condition.wait_for(lambda: condition(self), seconds), "the scripted server never got there"

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DEADLINE)

    def _changed(self) -> None:
        with self._condition:
            self._condition.notify_all()

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._connected, HOST, self.port, backlog=512)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in self._connections.values():
            if connection.idle:
                connection.cut(reset=False)

    async def _break_all(self) -> None:
        await self._stop_listening()
        connections = dict(self._connections)
        for task, connection in connections.items():
            connection.cut(reset=True)
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connection = self._connections[task] = Connection(reader, writer)
        self.connections += 1
        try:
            with suppress(ConnectionError, EOFError, asyncio.CancelledError):
                while connection.keeps_open:
                    await self._route(await connection.request(), connection)
        finally:
            del self._connections[task]
            writer.close()

    async def _route(self, request: Request, connection: Connection) -> None:
        if (request.method, request.path) != ("POST", _COMPLETIONS):
            await self._show(self._page(request.path), connection)
            return
        ask = Ask(
            request.headers.get("x-request-id", "unnamed"),
            json.loads(request.content),
            request.headers,
            arrived=self._loop.time(),
        )
        with self._condition:
            self._asks.append(ask)
        await self._answer(Call(ask, self.model, self._slots, connection))

    @staticmethod
    async def _show(page: Page | None, connection: Connection) -> None:
        if page is None:
            await connection.gone()
            connection.keeps_open = False
        else:
            await connection.reply(page)

    async def _answer(self, call: Call) -> None:
        """Answer until done or until the client goes, and settle how it ended."""
        ask = call.ask
        work = asyncio.create_task(self._behaviour(ask).answer(call))
        watch = asyncio.create_task(call.connection.gone())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                ask.outcome = Outcome.ABORTED
                call.connection.keeps_open = False
        finally:
            work.cancel()
            watch.cancel()
            result, _ = await asyncio.gather(work, watch, return_exceptions=True)
            self._settle(call, result)

    def _settle(self, call: Call, result: BaseException | None) -> None:
        if call.ask.outcome is Outcome.OPEN:
            call.ask.outcome = Outcome.FINISHED if result is None else Outcome.BROKEN
        if isinstance(result, ConnectionError):
            call.ask.outcome = Outcome.ABORTED
        elif isinstance(result, Exception):
            self._errors.append(result)
            call.cut()
        call.ask.ended = self._loop.time()
        self._changed()

    def _behaviour(self, ask: Ask) -> Behaviour:
        if self.api_key is not None and ask.headers.get("authorization") != f"Bearer {self.api_key}":
            return Replies(Page('{"error": "Unauthorized"}', status=401))
        if ask.body.get("model") != self.model:
            return Fails(404, f"The model `{ask.body.get('model')}` does not exist.")
        with self._condition:
            rule = next(rule for rule in self._rules if rule.when is None or rule.when(ask))
            if rule.left is not None:
                rule.left -= 1
                if rule.left == 0:
                    self._rules.remove(rule)
            return rule.behaviour

    def _page(self, path: str) -> Page | None:
        models = {"object": "list", "data": [{"id": self.model, "object": "model", "max_model_len": 8192}]}
        pages: dict[str, Page | None] = {
            "/health": Page("", "text/plain"),
            "/v1/models": Page(json.dumps(models)),
            "/metrics": Page(self._metrics(), _METRICS_TYPE),
            **self.pages,
        }
        return pages.get(path, Page('{"detail": "Not Found"}', status=404))

    def _metrics(self) -> str:
        figures = {
            "num_requests_running": self.running,
            "num_requests_waiting": self.waiting,
            "kv_cache_usage_perc": self.cache_usage,
        }
        labels = f'{{engine="0",model_name="{self.model}"}}'
        lines = [f"# TYPE vllm:{name} gauge\nvllm:{name}{labels} {value}\n" for name, value in figures.items()]
        return "".join(lines)
