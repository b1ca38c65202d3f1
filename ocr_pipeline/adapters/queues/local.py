"""The embedded queue and worker: one process, threads, nothing kept.

The lines hold what is to be done next and forget it when the process ends; Postgres remembers, and the sweep at the
start (and every so often) puts back whatever is missing. A full line refuses, and the sweep tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Event, Lock, Thread
from typing import Self, TypeVar

import structlog

from ocr_pipeline.adapters.queues.boundary import report_of
from ocr_pipeline.adapters.queues.lines import Line
from ocr_pipeline.adapters.queues.patience import Patience, is_outage, persist
from ocr_pipeline.domain.errors import EngineUnavailable, PipelineError, QueueUnavailable
from ocr_pipeline.domain.messages import IntakeTask, PageFailed, RecognitionTask, Report
from ocr_pipeline.domain.priorities import Priority, Stage

Item = TypeVar("Item")

_QUARANTINE_RANK = max(Priority) + 1
_LONGEST_PREDICATE_WAIT = 0.2


class LocalWorkQueue:
    """A work queue within one process. Safe between threads."""

    def __init__(self, capacity: int = 10_000) -> None:
        self.intake: Line[IntakeTask] = Line(capacity)
        self.pages: Line[RecognitionTask] = Line(capacity)
        self.reports: Line[Report] = Line(capacity)
        self._closed = False

    def send_intake(self, task: IntakeTask) -> None:
        """Into the intake line, in order of priority. Raises QueueUnavailable when it is full."""
        self._accept(self.intake.put(task, task.priority))

    def send_recognition(self, task: RecognitionTask, *, quarantine: bool = False) -> None:
        """Into the recognition line; a page in quarantine goes last. Raises QueueUnavailable when it is full."""
        self._accept(self.pages.put(task, _QUARANTINE_RANK if quarantine else task.priority))

    def send_report(self, report: Report) -> None:
        """To the results stage. Raises QueueUnavailable when its line is full."""
        self._accept(self.reports.put(report))

    def check(self) -> None:
        """Raises QueueUnavailable once the queue was closed."""
        self._accept(not self._closed)

    def depths(self) -> dict[str, int]:
        """How many messages wait for each stage."""
        return {
            Stage.INTAKE.value: self.intake.depth,
            Stage.RECOGNITION.value: self.pages.depth,
            Stage.RESULTS.value: self.reports.depth,
        }

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is in hand."""
        return self.intake.idle and self.pages.idle and self.reports.idle

    def close(self) -> None:
        """Forget the work in line and take no more, but for reports on pages that are in hand."""
        self._closed = True
        self.intake.close(forget=True)
        self.pages.close(forget=True)

    @staticmethod
    def _accept(taken: bool) -> None:
        if not taken:
            raise QueueUnavailable("the queue is full or closed")


@dataclass(frozen=True, slots=True)
class LocalStages:
    """What a local worker drives; each is called from several threads.

    `recognise` reports failures and raises none; `check_engine` raises EngineUnavailable.
    """

    admit: Callable[[IntakeTask], object]
    recognise: Callable[[RecognitionTask], Report]
    apply: Callable[[Report], object]
    sweep: Callable[[], object]
    check_engine: Callable[[], None]


class LocalWorker:
    """Drives the stages in one process. Start it once; use it as a context manager or call `stop`.

    A message whose stage fails in an unforeseen way is dropped with a log line: its row in Postgres goes on waiting,
    and the sweep sends it again when it counts as stalled.
    """

    def __init__(
        self,
        queue: LocalWorkQueue,
        stages: LocalStages,
        *,
        recognition_threads: int = 1,
        sweep_seconds: float = 15.0,
        patience: Patience | None = None,
    ) -> None:
        self._queue = queue
        self._stages = stages
        self._sweep_seconds = sweep_seconds
        self._patience = patience or Patience()
        self._stopping = Event()
        self._engine_down = Event()
        self._probe = Lock()
        self._progress = Condition()
        self._log = structlog.stdlib.get_logger(__name__)
        self._senders = [
            _thread("sweep", self._sweep),
            _thread("intake", lambda: self._serve(queue.intake, self._admit)),
            *(
                _thread(f"recognition-{number}", lambda: self._serve(queue.pages, self._read_page))
                for number in range(1, recognition_threads + 1)
            ),
        ]
        self._results = _thread("results", lambda: self._serve(queue.reports, self._apply))

    def start(self) -> None:
        """Sweep once, so that everything unfinished is in line, and begin."""
        for thread in (*self._senders, self._results):
            thread.start()

    def stop(self, seconds: float = 30.0) -> bool:
        """Finish what is in hand, apply its reports and end; False when that took longer than so many seconds."""
        self._stopping.set()
        self._queue.close()
        deadline = time.monotonic() + seconds
        _join(self._senders, deadline)
        self._queue.reports.close(forget=False)
        _join([self._results], deadline)
        return not any(thread.is_alive() for thread in (*self._senders, self._results))

    def until(self, predicate: Callable[[], bool], seconds: float) -> bool:
        """Wait until the predicate holds, looking after each piece of work; False when it did not hold in time."""
        deadline = time.monotonic() + seconds
        while not predicate():
            remaining = deadline - time.monotonic()
            if remaining <= 0 or self._stopping.is_set():
                return False
            with self._progress:
                self._progress.wait(min(remaining, _LONGEST_PREDICATE_WAIT))
        return True

    def drain(self, seconds: float) -> bool:
        """Wait until nothing is in line or in hand. Pages that wait in Postgres for a later try do not count."""
        return self.until(lambda: self._queue.idle, seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, line: Line[Item], handle: Callable[[Item], None]) -> None:
        while (item := line.take()) is not None:
            self._guarded(lambda item=item: handle(item))  # type: ignore[misc]
            line.finished()
            with self._progress:
                self._progress.notify_all()

    def _read_page(self, task: RecognitionTask) -> None:
        if not self._engine_answers():
            return
        report = report_of(self._stages.recognise, task)
        if isinstance(report, PageFailed) and report.failure.code == EngineUnavailable.code:
            self._engine_down.set()
        self._persist(lambda: self._queue.send_report(report))

    def _admit(self, task: IntakeTask) -> None:
        """Any foreseen error may pass: the stage itself counts attempts and refuses the document in the end."""
        self._persist(lambda: self._stages.admit(task), may_pass=lambda _: True)

    def _apply(self, report: Report) -> None:
        self._persist(lambda: self._stages.apply(report))

    def _sweep(self) -> None:
        while True:
            self._guarded(lambda: self._persist(self._stages.sweep))
            if self._stopping.wait(self._sweep_seconds):
                return

    def _engine_answers(self) -> bool:
        """Wait while the engine is down, one thread probing it; False when told to stop first."""
        with self._probe:
            if self._engine_down.is_set() and self._persist(self._stages.check_engine):
                self._engine_down.clear()
            return not self._engine_down.is_set()

    def _persist(self, action: Callable[[], object], may_pass: Callable[[PipelineError], bool] = is_outage) -> bool:
        return persist(
            action,
            stopping=self._stopping,
            patience=self._patience,
            notice=lambda error: self._log.warning("work waits", code=error.code),
            may_pass=may_pass,
        )

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except PipelineError as error:
            self._log.error("work dropped until the sweep finds it", code=error.code)
        except Exception:  # noqa: BLE001 - the worker outlives whatever a stage does
            self._log.error("work dropped until the sweep finds it", exc_info=True)


def _thread(name: str, target: Callable[[], None]) -> Thread:
    return Thread(target=target, name=name, daemon=True)


def _join(threads: Sequence[Thread], deadline: float) -> None:
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
