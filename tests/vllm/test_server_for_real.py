"""What the pipeline relies on in a model server, seen on the real one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from itertools import count

import pytest

from ocr_pipeline.adapters.engines.vllm.client import VllmServer
from ocr_pipeline.ports.generation import Finish, FinishReason, GenerationRequest, ServerLoad, Token
from tests.vllm.reading import number_pages, request
from tests.vllm.real_vllm import AT_ONCE, RealVllm
from tests.waiting import until

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(900)]

LONG = 300
PAGE = number_pages(1, seed=21)[0]


async def generated(server: VllmServer, asked: GenerationRequest) -> list[Token | Finish]:
    async with aclosing(server.generate(asked)) as stream:
        return [piece async for piece in stream]


async def until_load(server: VllmServer, fits: Callable[[ServerLoad], bool], seconds: float = 60.0) -> None:
    """Wait until a look at the server's load fits. Its supervisor's own probe may count as one more request."""
    deadline = time.monotonic() + seconds
    while not fits(load := await server.load()):
        assert time.monotonic() < deadline, f"{load.running} running, {load.waiting} waiting"
        await asyncio.sleep(0.05)


def idle(load: ServerLoad) -> bool:
    return load.running + load.waiting == 0


def test_tokens_come_with_their_probabilities(server: RealVllm) -> None:
    async def ask() -> list[Token | Finish]:
        client = VllmServer(server.url)
        try:
            return await generated(client, request(PAGE, "scored"))
        finally:
            await client.close()

    said = asyncio.run(ask())
    tokens = [piece for piece in said if isinstance(piece, Token)]
    assert "".join(token.text for token in tokens) == PAGE.text
    assert all(token.logprob is not None and token.logprob <= 0 for token in tokens if token.text)
    finish = said[-1]
    assert isinstance(finish, Finish)
    assert finish.reason is FinishReason.STOP
    assert finish.prompt_tokens is not None
    assert finish.prompt_tokens > 64


def test_a_request_that_is_given_up_frees_its_slot(server: RealVllm) -> None:
    async def ask() -> None:
        client = VllmServer(server.url)
        try:
            await until_load(client, idle)
            async with aclosing(client.generate(request(PAGE, "endless", tokens=LONG, endless=True))) as stream:
                await anext(stream)
                await until_load(client, lambda load: load.running >= 1)
            await until_load(client, idle)
        finally:
            await client.close()

    asyncio.run(ask())


def test_urgent_pages_overtake_bulk(server: RealVllm) -> None:
    """Bulk pages are asked for anew as they end, so that the backlog stands however fast the server is."""

    async def ask() -> int:
        client = VllmServer(server.url, stall_seconds=60)
        ended = 0

        async def bulk(name: str) -> None:
            nonlocal ended
            for number in count():
                asked = request(PAGE, f"{name}-{number}", priority=2, tokens=LONG, endless=True)
                await generated(client, asked)
                ended += 1

        try:
            flood = [asyncio.create_task(bulk(f"bulk-{number}")) for number in range(3 * AT_ONCE)]
            await until_load(client, lambda load: load.waiting >= 2 * AT_ONCE)
            before = ended
            await generated(client, request(PAGE, "urgent", priority=0, tokens=LONG, endless=True))
            overtaken_by = ended - before
            for task in flood:
                task.cancel()
            await asyncio.gather(*flood, return_exceptions=True)
        finally:
            await client.close()
        return overtaken_by

    # Those that ran when it came, and one that ran beside it; in the order of arrival all the backlog would be first.
    assert asyncio.run(ask()) <= 2 * AT_ONCE


def test_a_server_that_is_told_to_stop_drains_and_starts_again(server: RealVllm) -> None:
    async def ask() -> list[Token | Finish]:
        client = VllmServer(server.url)
        try:
            task = asyncio.create_task(generated(client, request(PAGE, "last", tokens=LONG, endless=True)))
            await until_load(client, lambda load: load.running >= 1)
            ending = asyncio.create_task(asyncio.to_thread(server.terminate))
            said = await task
            assert await ending == 0
            return said
        finally:
            await client.close()

    processes = server.processes()
    said = asyncio.run(ask())
    assert isinstance(said[-1], Finish), "the page in hand was cut off"
    assert server.probe("live") == 0
    until(lambda: not any(process.is_running() for process in processes), "the end of all its processes")
    server.start()
    server.wait_until_ready()
