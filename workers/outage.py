"""What happens while the engine is down: nothing is consumed, and a probe finds out when it is back."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.patience import Patience, persist
from ocr_pipeline.recognition.gate import Gate

_log = logs.get(__name__)


class EngineWatch:
    """Pauses a worker at the first sign of an outage, and resumes it after a real reading succeeded."""

    def __init__(
        self,
        check: Callable[[], None],
        gate: Gate,
        *,
        pause: Callable[[], None],
        resume: Callable[[], None],
        stopping: Event,
        patience: Patience,
    ) -> None:
        self._check = check
        self._gate = gate
        self._pause = pause
        self._resume = resume
        self._stopping = stopping
        self._patience = patience
        self._lock = Lock()
        self._down = False

    @property
    def down(self) -> bool:
        """Whether the engine is known to be down."""
        return self._down

    def engine_failed(self) -> None:
        """The engine could not work at all. Shuts the gate at once; safe to call any number of times."""
        with self._lock:
            if self._down:
                return
            self._down = True
            self._gate.pause()
            self._pause()
        _log.warning("engine down, consumption paused")
        Thread(target=self._probe, name="engine-probe", daemon=True).start()

    def _probe(self) -> None:
        back = persist(
            self._check,
            stopping=self._stopping,
            patience=self._patience,
            notice=lambda error: _log.info("engine still down", code=error.code),
            may_pass=lambda _: True,
        )
        if not back:
            return
        with self._lock:
            self._down = False
            self._gate.resume()
            self._resume()
        _log.info("engine back, consumption resumed")
