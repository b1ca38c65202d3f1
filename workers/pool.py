"""Threads that a stopping worker waits for, but not for ever."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Any

from celery.concurrency.base import BasePool
from celery.concurrency.thread import TaskPool


class PatientThreads(TaskPool):  # type: ignore[misc]  # Celery has no types
    """Celery's thread pool, whose end can be awaited within a deadline."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._in_hand: set[Future[Any]] = set()

    def on_apply(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Run a task and remember it until it has ended."""
        applied = super().on_apply(*args, **kwargs)
        self._in_hand.add(applied.f)
        applied.f.add_done_callback(self._in_hand.discard)
        return applied

    def finish(self, seconds: float) -> int:
        """Wait for the tasks in hand; how many were left after so many seconds."""
        return len(wait(set(self._in_hand), timeout=seconds).not_done)

    def on_stop(self) -> None:
        """Take no more tasks. Whoever stops the worker has waited as long as it wanted to."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        BasePool.on_stop(self)

    def terminate_job(self, *_: object, **__: object) -> None:
        """A thread cannot be ended from outside; its message goes back to the broker with the connection."""
