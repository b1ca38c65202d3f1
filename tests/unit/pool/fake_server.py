"""A server that does as it is told, and pages for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from enum import Enum, auto

from ocr_pipeline.domain.errors import EngineGarbage, EngineUnavailable
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.generation import (
    Finish,
    FinishReason,
    GenerationRequest,
    GenerationServer,
    Sampling,
    ServerLoad,
    Token,
)
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.pool import Lease

KNOWN = "known picture"
Work = Callable[[Lease], Awaitable[str]]


class Mode(Enum):
    WELL = auto()
    DEAD = auto()
    HUNG = auto()
    BABBLING = auto()
    CROWDED = auto()


class FakeServer:
    """Takes `prefill` seconds for an image and `pace` for each of `tokens`.

    `failures` are raised one a page, as soon as it comes. A page whose prompt is in `deadly` kills the server after so
    many tokens. A `stubborn` server that hangs does not let a generation be closed. Crowded, it keeps probes waiting.
    """

    def __init__(self, name: str) -> None:
        self.id = name
        self.prefill, self.pace, self.tokens = 0.2, 0.1, 5
        self.failures: list[Exception] = []
        self.deadly: dict[str, int] = {}
        self.stubborn = False
        self.load_says: ServerLoad | Exception | None = ServerLoad()
        self.at_work = self.most_at_work = self.probes = self.loads = 0
        self.taken: list[str] = []
        self.closed = False
        self._mode = Mode.WELL
        self._changed = asyncio.Event()

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Token | Finish, None]:
        if request.prompt == KNOWN:
            self.probes += 1
            await self._pass(1e6 if self.mode is Mode.CROWDED else 0.02)
            yield Token("?" if self.mode is Mode.BABBLING else KNOWN, 0.0)
            return
        self.taken.append(request.prompt)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            async for piece in self._page(request.prompt):
                yield piece
        finally:
            if self.stubborn and self.mode is Mode.HUNG:
                await asyncio.sleep(1e6)
            self.at_work -= 1

    async def load(self) -> ServerLoad:
        self.loads += 1
        if isinstance(self.load_says, Exception):
            raise self.load_says
        if self.load_says is None:
            await asyncio.sleep(1e6)
        return self.load_says or ServerLoad()

    async def close(self) -> None:
        self.closed = True

    async def _page(self, prompt: str) -> AsyncGenerator[Token | Finish, None]:
        await self._pass(0)
        if self.failures:
            raise self.failures.pop(0)
        await self._pass(self.prefill)
        for number in range(self.tokens):
            if self.deadly.get(prompt) == number:
                self.mode = Mode.DEAD
            await self._pass(0)
            yield Token("x", 0.0)
            await self._pass(self.pace)
        yield Finish(FinishReason.STOP)

    async def _pass(self, seconds: float) -> None:
        end = loop_time() + seconds
        while True:
            if self.mode is Mode.DEAD:
                raise EngineUnavailable("gone")
            if self.mode is Mode.HUNG:
                await self._changed.wait()
            elif end - loop_time() < 1e-9:
                return
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(end):
                        await self._changed.wait()


async def pieces(server: GenerationServer, prompt: str) -> AsyncGenerator[Token | Finish, None]:
    page = PageImage(b"", "image/png", 1, 1)
    stream = server.generate(GenerationRequest("model", "id", page, prompt, Sampling(), max_tokens=10, priority=1))
    assert isinstance(stream, AsyncGenerator)
    async with aclosing(stream):
        async for piece in stream:
            yield piece


async def probe(server: GenerationServer) -> None:
    async with aclosing(pieces(server, KNOWN)) as stream:
        async for piece in stream:
            if isinstance(piece, Token) and piece.text != KNOWN:
                raise EngineGarbage("that is not what it says")


def reading(prompt: str = "page") -> Work:
    """Work that reads a page and tells which server read it."""

    async def work(lease: Lease) -> str:
        async with aclosing(pieces(lease.server, prompt)) as stream:
            async for piece in stream:
                if isinstance(piece, Token):
                    lease.progressed()
        return lease.server.id

    return work
