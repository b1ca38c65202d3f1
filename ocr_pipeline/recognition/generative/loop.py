"""One event loop on a thread of its own, for callers that are threads."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from threading import Thread
from typing import Any, TypeVar

from ocr_pipeline.domain.errors import EngineUnavailable

Result = TypeVar("Result")


class LoopThread:
    """Runs coroutines for other threads. `close` cancels what still runs and ends the thread."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether it runs nothing any more."""
        return self._loop.is_closed()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run to the end and give its result, or raise what it raised; EngineUnavailable once the loop was closed."""
        if self._loop.is_closed():
            work.close()
            raise EngineUnavailable("the engine was closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise EngineUnavailable("the engine was closed") from None
        finally:
            future.cancel()

    def close(self) -> None:
        """Safe to call twice."""
        if self._loop.is_closed():
            return
        # All of it on the loop's own thread: the caller's may have a running loop of its own.
        for work in (_cancel_others(), self._loop.shutdown_asyncgens()):
            asyncio.run_coroutine_threadsafe(work, self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
