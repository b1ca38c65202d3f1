"""Tasks that are never waited for longer than they are worth.

`asyncio.timeout` cancels what runs and then waits for it to tidy up, which takes as long as it takes: a connection to
a server that hangs may not close. Here the work is a task of its own. When its time is up it is cancelled and left to
tidy up alone, and whoever wanted its result goes on at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ocr_pipeline.domain.errors import EngineTimeout, EngineUnavailable
from ocr_pipeline.recognition.pool.clock import Now

Result = TypeVar("Result")


class Errands:
    """Starts tasks and keeps hold of them until they end."""

    def __init__(self, now: Now) -> None:
        self._now = now
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run it beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def ended(self, task: asyncio.Task[Result], deadline: float) -> bool:
        """Wait for the end of a task, or for the moment. A task is left running."""
        await asyncio.wait({task}, timeout=max(0.0, deadline - self._now()))
        return task.done()

    async def within(self, work: Callable[[], Awaitable[Result]], deadline: float) -> Result:
        """The result of the work. Raises EngineTimeout when the moment passes, and leaves it cancelled."""
        task = self.start(_awaited(work))
        try:
            if not await self.ended(task, deadline):
                raise EngineTimeout("it took too long")
        finally:
            task.cancel()
        if task.cancelled():
            raise EngineUnavailable("it was stopped")
        return task.result()

    async def close(self, seconds: float) -> None:
        """Cancel everything but the caller, and give it so long to tidy up."""
        rest = self._tasks - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=seconds)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever still wants it reads it from the task; nobody else is to be told


async def _awaited(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()
