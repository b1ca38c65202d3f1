"""An event loop whose clock jumps to the next thing that will happen: time costs nothing, and no luck is needed."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ocr_pipeline.recognition.pool.clock import loop_time

Result = TypeVar("Result")


class _Jumping(selectors.DefaultSelector):
    """Does not wait: it tells the loop how long it would have."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise AssertionError("everybody waits, and nothing will ever happen")
        self.skipped += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.skipped


def run(scenario: Coroutine[Any, Any, Result], *, complaints: int = 0) -> Result:
    """Run a scenario from second 0. What the loop would only have logged fails the test, unless it is expected."""
    told: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: told.append(context))
        result = runner.run(scenario)
    assert len(told) == complaints, told
    return result


async def until(condition: Callable[[], bool], seconds: float = 1000.0) -> None:
    """Let time pass until the condition holds."""
    end = loop_time() + seconds
    while not condition():
        assert loop_time() < end, "the condition was never met"
        await asyncio.sleep(0.01)
