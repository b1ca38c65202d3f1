"""What the pipeline relies on in a model server, seen on the real one."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest

from ocr_pipeline.adapters.engines.vllm.client import VllmServer
from ocr_pipeline.ports.generation import Finish, FinishReason, GenerationRequest, Token
from tests.vllm.reading import number_pages, request
from tests.vllm.real_vllm import AT_ONCE, RealVllm
from tests.worker_harness import until

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(900)]

LONG = 300
PAGE = number_pages(1, seed=21)[0]


async def generated(server: VllmServer, asked: GenerationRequest) -> list[Token | Finish]:
    async with aclosing(server.generate(asked)) as stream:
        return [piece async for piece in stream]


async def settles(server: VllmServer, running: int, seconds: float = 20.0) -> None:
    """Wait until so many requests run there."""
    deadline = time.monotonic() + seconds
    while (load := await server.load()).running + load.waiting != running:
        assert time.monotonic() < deadline, f"{load.running} running, {load.waiting} waiting; wanted {running}"
        await asyncio.sleep(0.05)


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
            await settles(client, 0)
            async with aclosing(client.generate(request(PAGE, "endless", tokens=LONG, endless=True))) as stream:
                await anext(stream)
                await settles(client, 1)
            await settles(client, 0)
        finally:
            await client.close()

    asyncio.run(ask())


def test_urgent_pages_overtake_bulk(server: RealVllm) -> None:
    async def ask() -> list[str]:
        client = VllmServer(server.url, stall_seconds=60)
        ended: list[str] = []

        async def run(name: str, priority: int) -> None:
            await generated(client, request(PAGE, name, priority=priority, tokens=150, endless=True))
            ended.append(name)

        try:
            bulk = [asyncio.create_task(run(f"bulk-{number}", 2)) for number in range(3 * AT_ONCE)]
            await settles(client, 3 * AT_ONCE)
            urgent = asyncio.create_task(run("urgent", 0))
            await asyncio.gather(urgent, *bulk)
        finally:
            await client.close()
        return ended

    ended = asyncio.run(ask())
    assert ended.index("urgent") < 2 * AT_ONCE, ended


def test_a_server_that_is_told_to_stop_drains_and_starts_again(server: RealVllm) -> None:
    async def ask() -> list[Token | Finish]:
        client = VllmServer(server.url)
        try:
            task = asyncio.create_task(generated(client, request(PAGE, "last", tokens=LONG, endless=True)))
            await settles(client, 1)
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
