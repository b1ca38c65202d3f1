"""A span for each task, after the one that its message names. Nothing is loaded or connected where nobody traces."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from celery import Celery, signals

from ocr_pipeline.settings import Settings

if TYPE_CHECKING:
    from ocr_pipeline.adapters.tracing import Span, Tracing

_HEADERS = ("traceparent", "tracestate")


class TaskTraces:
    """Begins and ends the spans of one application's tasks, at Celery's signals."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._tracing: Tracing | None = None
        self._made_in = 0
        self._open: dict[str, ExitStack] = {}

    def connect(self) -> None:
        """Listen."""
        signals.task_prerun.connect(self.begin, weak=False)
        signals.task_postrun.connect(self.end, weak=False)
        for over in (signals.worker_shutdown, signals.worker_process_shutdown):
            over.connect(self.close, weak=False)

    def begin(self, task_id: str, task: Any, args: list[Any], **_signal: Any) -> None:  # noqa: ANN401
        """In the thread that is about to run a task."""
        if task.app is not self._app:
            return
        from ocr_pipeline.adapters.tracing import Side  # noqa: PLC0415 - only where somebody traces

        carrier = {name: value for name in _HEADERS if isinstance(value := task.request.get(name), str)}
        stack = ExitStack()
        span = stack.enter_context(self._tracer().span(task.name, Side.CONSUMER, carrier))
        _note_ids(span, args)
        self._open[task_id] = stack

    def end(self, task_id: str, **_signal: Any) -> None:  # noqa: ANN401
        """In the same thread, whatever became of the task."""
        stack = self._open.pop(task_id, None)
        if stack is not None:
            stack.close()

    def close(self, **_signal: Any) -> None:  # noqa: ANN401
        """Send what is left."""
        if self._tracing is not None and self._made_in == os.getpid():
            self._tracing.close()

    def _tracer(self) -> Tracing:
        """This process's own: the threads that send spans do not outlive a fork."""
        if self._tracing is None or self._made_in != os.getpid():
            from ocr_pipeline.adapters.tracing import Tracing  # noqa: PLC0415 - only where somebody traces

            watch = self._settings.observability
            self._tracing = Tracing("worker", str(watch.otlp_endpoint), watch.trace_share)
            self._made_in = os.getpid()
        return self._tracing


def _note_ids(span: Span, arguments: list[Any]) -> None:
    """The ids that a message of ours holds; anything else stays out."""
    message = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
    for name, kind in (("document_id", str), ("page", int), ("number", int), ("attempt", int)):
        value = message.get(name)
        if isinstance(value, kind):
            span.note(name, value)
