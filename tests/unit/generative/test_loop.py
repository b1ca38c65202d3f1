"""The loop thread: work for other threads, and an end that never hangs."""

from __future__ import annotations

import asyncio

import pytest

from ocr_pipeline.domain.errors import EngineUnavailable
from ocr_pipeline.recognition.generative.loop import LoopThread


async def one() -> int:
    return 1


def test_it_is_closed_also_by_a_thread_that_runs_a_loop_itself() -> None:
    loop = LoopThread("test")

    async def close_twice() -> None:
        loop.close()
        loop.close()

    asyncio.run(asyncio.wait_for(close_twice(), 10))
    assert loop.is_closed


def test_a_closed_loop_runs_nothing() -> None:
    loop = LoopThread("test")
    assert loop.run(one()) == 1
    loop.close()
    with pytest.raises(EngineUnavailable):
        loop.run(one())
