"""Pausing and resuming what a running worker consumes."""

from __future__ import annotations

from typing import Any


class Lanes:
    """The lanes of a worker, consumed or not. `pause` and `resume` may be called from any thread."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._consumer: Any = None

    def attach(self, consumer: Any) -> None:  # noqa: ANN401 - Celery has no types
        """Celery's consumer, once there is one."""
        self._consumer = consumer

    def pause(self) -> None:
        """Take no new messages."""
        self._soon(self._cancel)

    def resume(self) -> None:
        """Take messages again."""
        self._soon(self._consume)

    def _soon(self, action: Any) -> None:  # noqa: ANN401
        """Only the consumer's own thread may touch its connection."""
        if self._consumer is not None:
            self._consumer.call_soon(action)

    def _cancel(self) -> None:
        for name in self._names:
            if self._consumer.task_consumer is None:
                self._consumer.app.amqp.queues.deselect(name)
            else:
                self._consumer.cancel_task_queue(name)

    def _consume(self) -> None:
        queues = self._consumer.app.amqp.queues
        for name in self._names:
            if self._consumer.task_consumer is None:
                queues.select_add(queues[name])
            else:
                self._consumer.add_task_queue(name)
