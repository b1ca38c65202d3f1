"""One page through a recognition worker: suspicion, gate, reading, report."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from threading import Event
from typing import assert_never

from ocr_pipeline import logs
from ocr_pipeline.adapters.queues.boundary import report_of
from ocr_pipeline.adapters.queues.patience import Patience, persist
from ocr_pipeline.domain.errors import EngineUnavailable
from ocr_pipeline.domain.messages import PageFailed, PageRedelivered, RecognitionTask, Report
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.recognition.gate import Answer, Gate
from workers.outage import EngineWatch

_log = logs.get(__name__)

Recognise = Callable[[RecognitionTask], Report]
OUTAGE = Failure.of(EngineUnavailable(EngineUnavailable.code))


class Handled(Enum):
    """What is to become of a message."""

    DONE = auto()
    HAND_BACK = auto()


class Reporter:
    """Publishes reports, for as long as it takes: a page that was read is not read again because the broker rests."""

    def __init__(self, send: Callable[[Report], None], stopping: Event, patience: Patience) -> None:
        self._send = send
        self._stopping = stopping
        self._patience = patience

    def __call__(self, report: Report) -> Handled:
        """Done once the broker confirmed the report; handed back when the worker is told to stop first."""
        confirmed = persist(
            lambda: self._send(report),
            stopping=self._stopping,
            patience=self._patience,
            notice=lambda error: _log.warning("report waits for the broker", code=error.code),
        )
        return Handled.DONE if confirmed else Handled.HAND_BACK


class PageRunner:
    """Runs pages in a recognition worker, as many at once as the gate lets in."""

    def __init__(self, recognise: Recognise, report: Reporter, gate: Gate, watch: EngineWatch) -> None:
        self._recognise = recognise
        self._report = report
        self._gate = gate
        self._watch = watch

    def __call__(self, task: RecognitionTask, *, redelivered: bool) -> Handled:
        """Read the page and report. A redelivered page may have killed its worker: it is reported, not run."""
        if redelivered:
            return self._report(suspicion(task))
        match self._gate.enter(task.priority):
            case Answer.TURNED_AWAY if self._watch.down:
                return self._report(PageFailed(task.page, task.attempt, task.dispatch, OUTAGE))
            case Answer.TURNED_AWAY:
                return Handled.HAND_BACK
            case Answer.IN:
                return self._report(self._read(task))
            case unknown:
                assert_never(unknown)

    def _read(self, task: RecognitionTask) -> Report:
        try:
            report = report_of(self._recognise, task)
            if isinstance(report, PageFailed) and report.failure.code == EngineUnavailable.code:
                self._watch.engine_failed()
        finally:
            self._gate.leave(task.priority)
        return report


class SuspectRunner:
    """Runs pages in quarantine, one a process. A redelivered one killed the process before: it is reported, not run."""

    def __init__(self, recognise: Recognise, report: Reporter) -> None:
        self._recognise = recognise
        self._report = report

    def __call__(self, task: RecognitionTask, *, redelivered: bool) -> Handled:
        """Read the page and report."""
        return self._report(suspicion(task) if redelivered else report_of(self._recognise, task))


def suspicion(task: RecognitionTask) -> PageRedelivered:
    """What is said of a page whose message came again."""
    return PageRedelivered(task.page, task.attempt, task.dispatch)
