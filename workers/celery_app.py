"""The Celery application: configured from settings at first use, holding one process's state."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery import Celery, signals

from ocr_pipeline import logs
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.settings import Settings
from workers import bulk, intake, recognition, results, schedule
from workers.configuration import configuration
from workers.consumer import Prefetch
from workers.lifecycle import Lifecycle, StageStep
from workers.process import Stages, WorkerProcess
from workers.pulse import PulseStep
from workers.tracing import TaskTraces

_TALKATIVE = ("celery", "kombu", "amqp")


class WorkerApp(Celery):  # type: ignore[misc]  # Celery has no types
    """Celery with the state of this process, where Celery's own extension points find it."""

    control_cls = "workers.questions:WorkerControl"
    events_cls = "workers.events:WorkerEvents"
    process: WorkerProcess


def create_app(load: Callable[[], Settings], stages: Stages) -> WorkerApp:
    """An application that reads its settings when Celery first needs them and opens a stage when a worker starts."""
    app = WorkerApp("ocr_pipeline", set_as_current=False)
    app.process = WorkerProcess(load, stages)
    app.on_configure.connect(_configure, sender=app, weak=False)
    app.steps["worker"].add(StageStep)
    app.steps["consumer"].update((Prefetch, PulseStep))
    for module in (intake, recognition, results, schedule, bulk):
        module.register(app, app.process)
    _connect_signals(app)
    return app


def _configure(sender: WorkerApp, **_: Any) -> None:  # noqa: ANN401 - a signal's arguments
    # Celery's signals log what a receiver raises and go on, so a wrong setting must leave as SystemExit.
    try:
        sender.config_from_object(configuration(sender.process.settings))
    except ConfigurationError as error:
        raise SystemExit(str(error)) from None


def _connect_signals(app: WorkerApp) -> None:
    lifecycle = Lifecycle(app, app.process)

    def configure_logs(**_: Any) -> None:  # noqa: ANN401
        settings = app.process.settings
        logs.configure(settings.log_level, settings.log_format)
        # Without its text, which may quote content, a library's line for each task tells nothing.
        for library in _TALKATIVE:
            logging.getLogger(library).setLevel(logging.WARNING)

    def trace(sender: Any, **_: Any) -> None:  # noqa: ANN401
        if sender.app is app and app.process.settings.observability.otlp_endpoint is not None:
            TaskTraces(app, app.process.settings).connect()

    signals.worker_init.connect(trace, weak=False)
    signals.setup_logging.connect(configure_logs, weak=False)
    signals.worker_init.connect(lifecycle.prepare, weak=False)
    signals.worker_process_init.connect(lifecycle.open_child, weak=False)
    signals.worker_process_shutdown.connect(lifecycle.close_child, weak=False)
    signals.worker_shutdown.connect(lifecycle.close, weak=False)
