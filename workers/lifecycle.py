"""From start to end of a worker process: how each role runs, when its stage opens, how it stops in bounded time."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import ExitStack
from typing import Any

from celery import Celery, bootsteps

from ocr_pipeline import logs
from ocr_pipeline.bootstrap.metrics_server import prepare_folder, process_ended
from ocr_pipeline.bootstrap.stages import worker_metrics
from ocr_pipeline.domain.errors import PipelineError
from workers.pool import PatientThreads
from workers.process import WorkerProcess
from workers.roles import Role, role_of

QUARANTINE_MEMORY_BYTES = 4 * 1024**3
"""What a page in quarantine may make its process hold, engine included."""

_TIMEOUTS_IN_QUARANTINE = 3
"""A page in quarantine is killed after so many of an ordinary page's deadlines."""

_log = logs.get(__name__)


class Lifecycle:
    """What happens at Celery's signals, for one application."""

    def __init__(self, app: Celery, process: WorkerProcess) -> None:
        self._app = app
        self._process = process

    def prepare(self, sender: Any, **_signal: Any) -> None:  # noqa: ANN401 - a signal's arguments
        """Give a worker the pool, the concurrency and the limits of its role, before it builds any of them."""
        if sender.app is not self._app:
            return
        process = self._process
        try:
            process.role = role_of(self._app.amqp.queues.consume_from)
            slots = process.settings.slots
            prepare_folder()
        except PipelineError as error:
            raise SystemExit(str(error)) from None
        sender.pool_cls = PatientThreads
        match process.role:
            case Role.RECOGNITION:
                # A thread for everything that may be delivered: no lane can take the threads of another, and the
                # one message beyond the slots is at the gate when a slot becomes free.
                process.prefetch = slots + 1
                sender.concurrency = process.prefetch * len(process.role.queues)
            case Role.INTAKE:
                process.prefetch = max(1, int(sender.concurrency) // len(process.role.queues))
                sender.concurrency = process.prefetch * len(process.role.queues)
            case Role.RESULTS:
                process.prefetch = 2 * int(sender.concurrency)
            case Role.MAINTENANCE | Role.BULK:
                process.prefetch = 1
                sender.concurrency = 1
            case Role.QUARANTINE:
                process.prefetch = 1
                sender.concurrency = 1
                sender.max_tasks_per_child = 1
                sender.pool_cls = "prefork"
                sender.time_limit = _TIMEOUTS_IN_QUARANTINE * process.settings.request_timeout_seconds

    def open_child(self, **_signal: Any) -> None:  # noqa: ANN401
        """In a process of the quarantine: limit its memory and open the stage."""
        if self._process.role is Role.QUARANTINE:
            _, most = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (QUARANTINE_MEMORY_BYTES, most))
            open_or_exit(self._process, Role.QUARANTINE)

    def close_child(self, **_signal: Any) -> None:  # noqa: ANN401
        """In a process of the quarantine that ends: close the stage."""
        self._process.close()
        process_ended(os.getpid())

    def close(self, sender: Any, **_signal: Any) -> None:  # noqa: ANN401
        """Close the stage; where pages could not be finished in time, end without waiting for their threads.

        The connection is closed by now, so the broker already has those pages back.
        """
        if sender.app is not self._app:
            return
        if self._process.left_in_hand:
            _log.warning("stopped with pages in hand, the broker has them back", pages=self._process.left_in_hand)
            sys.stderr.flush()
            os._exit(0)
        self._process.close()


class StageStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Opens the stage when the worker starts; when it stops, waits for what is in hand, within a bound."""

    requires = {"celery.worker.components:Pool"}  # noqa: RUF012 - as Celery's own steps do

    def __init__(self, worker: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(worker, **kwargs)
        # Not the process's own resources: children inherit those, and would wait for a server that they do not run.
        self._metrics = ExitStack()

    def start(self, worker: Any) -> None:  # noqa: ANN401
        """Before anything is consumed. A process pool opens the stage in its children instead."""
        process: WorkerProcess = worker.app.process
        if process.role is not None:
            serve_or_exit(process, process.role, self._metrics)
        if process.role is not None and process.role is not Role.QUARANTINE:
            open_or_exit(process, process.role)
        process.pulse.wait_for_broker()

    def stop(self, worker: Any) -> None:  # noqa: ANN401
        """After consuming has ended, while the connection can still take acknowledgements."""
        process: WorkerProcess = worker.app.process
        process.retire()
        if isinstance(worker.pool, PatientThreads):
            process.left_in_hand = worker.pool.finish(process.settings.worker.shutdown_seconds)
        self._metrics.close()

    def terminate(self, worker: Any) -> None:  # noqa: ANN401
        """At a cold shutdown nothing is waited for."""
        process: WorkerProcess = worker.app.process
        process.retire()
        if isinstance(worker.pool, PatientThreads):
            process.left_in_hand = worker.pool.finish(0)


def serve_or_exit(process: WorkerProcess, role: Role, stack: ExitStack) -> None:
    """Serve what the processes of a worker count together, or end the process with a line that says why not."""
    try:
        stack.enter_context(worker_metrics(process.settings))
    except PipelineError as error:
        _log.error("worker cannot start", role=role.value, code=error.code, reason=str(error))
        raise SystemExit(1) from None


def open_or_exit(process: WorkerProcess, role: Role) -> None:
    """Open the stage of a role, or end the process with a line that says why it cannot run."""
    try:
        process.open(role)
        _log.info("worker ready", role=role.value)
    except PipelineError as error:
        _log.error("worker cannot start", role=role.value, code=error.code, reason=str(error))
        raise SystemExit(1) from None
