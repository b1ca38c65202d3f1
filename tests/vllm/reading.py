"""The engine over real servers, and pages for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from random import Random
from typing import Any

from ocr_pipeline.adapters.engines.vllm.client import VllmServer
from ocr_pipeline.bootstrap.engines import engine
from ocr_pipeline.ports.engine import Engine, PageImage
from ocr_pipeline.ports.generation import GenerationRequest, Sampling
from ocr_pipeline.settings import Settings
from tests.tiny_reader.lessons import number
from tests.tiny_reader.pages import CodePage, draw
from tests.tiny_reader.profile import PROMPT
from tests.vllm.real_vllm import AT_ONCE, CONTEXT, NAME, PROFILE, RealVllm


def number_pages(count: int, seed: int) -> list[CodePage]:
    random = Random(seed)
    return [draw([number(random)], random) for _ in range(count)]


def image(page: CodePage) -> PageImage:
    height, width = page.pixels.shape
    return PageImage(page.png(), "image/png", width, height, 200.0)


@contextmanager
def reading(*servers: RealVllm, **vllm: Any) -> Iterator[Engine]:
    settings = Settings(
        model_name=NAME,
        max_model_len=CONTEXT,
        max_concurrent_requests=AT_ONCE,
        engine={"name": "vllm"},
        vllm={"servers": [server.url for server in servers], "profile": PROFILE, "cross_check": "never", **vllm},
    )
    with ExitStack() as stack:
        yield engine(settings, stack)


def request(
    page: CodePage, name: str, *, priority: int = 1, tokens: int = 16, endless: bool = False
) -> GenerationRequest:
    """A plain request to one server; an `endless` one goes on for all its tokens."""
    extra = {"ignore_eos": True} if endless else {}
    return GenerationRequest(NAME, name, image(page), PROMPT, Sampling(extra=extra), tokens, priority)


def warm_up(server: RealVllm) -> None:
    """Read a few pages at once without hurry: on a CPU the first batch of each size takes seconds."""

    async def read(client: VllmServer, number: int) -> None:
        async with aclosing(client.generate(request(number_pages(1, number)[0], f"warm-{number}"))) as stream:
            async for _ in stream:
                pass

    async def read_all() -> None:
        client = VllmServer(server.url, stall_seconds=120)
        try:
            await asyncio.gather(*(read(client, number) for number in range(4)))
        finally:
            await client.close()

    asyncio.run(read_all())
