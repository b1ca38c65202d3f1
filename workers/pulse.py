"""A sign of life for whoever watches the process from outside: a file that its loop touches again and again.

Asking a worker over the broker costs a Python process each time, and finds every worker dead when the broker is. A
worker that waits for its broker is alive; one whose loop hangs is not.
"""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from typing import Any

from celery import bootsteps
from celery.beat import Scheduler

from ocr_pipeline import logs

BEAT_SECONDS = 5.0
"""How often the file is touched; a probe should allow for several of these."""

_log = logs.get(__name__)


class Pulse:
    """Touches a file, or nothing where none is named."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._waiting: Event | None = None

    def beat(self) -> None:
        """The process has just done what it is there for, or could have."""
        if self._file is None:
            return
        try:
            self._file.touch()
        except OSError as error:
            _log.warning("the pulse cannot be written", reason=error.strerror)

    def wait_for_broker(self) -> None:
        """There is no connection, and no loop that could beat: a thread does it until `connected`."""
        if self._file is None or self._waiting is not None:
            return
        self._waiting = Event()
        Thread(target=self._beat_until, args=(self._waiting,), name="pulse", daemon=True).start()

    def connected(self) -> None:
        """The loop beats from now on."""
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None

    def _beat_until(self, connected: Event) -> None:
        self.beat()
        while not connected.wait(BEAT_SECONDS):
            self.beat()


class PulseStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Lets a worker's loop beat while it is connected."""

    requires = {"celery.worker.consumer.tasks:Tasks"}  # noqa: RUF012 - as Celery's own steps do

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """At every connection."""
        pulse: Pulse = consumer.app.process.pulse
        pulse.connected()
        pulse.beat()
        consumer.timer.call_repeatedly(BEAT_SECONDS, pulse.beat)

    def stop(self, consumer: Any) -> None:  # noqa: ANN401
        """The connection ended; the worker looks for the broker, or stops."""
        process = consumer.app.process
        if not process.stopping.is_set():
            process.pulse.wait_for_broker()


class PulsingScheduler(Scheduler):  # type: ignore[misc]
    """Celery's own scheduler, which keeps nothing in a file, with a pulse at every turn."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Send what is due; how long until the next turn."""
        pulse: Pulse = self.app.process.pulse
        pulse.beat()
        return super().tick(*args, **kwargs)
