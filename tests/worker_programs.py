"""Real worker processes for tests: the pipeline's own Celery workers around stages that a test can steer.

`celery -A tests.worker_programs` finds `app` here. What the stages do is steered by files in the folder that
OCR_TEST_STAGE names, and what they did can be read there.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ocr_pipeline.bulk.step import Stepped
from ocr_pipeline.domain.errors import ConfigurationError, DatabaseUnavailable, EngineUnavailable
from ocr_pipeline.domain.messages import IntakeTask, PageFailed, PageRead, RecognitionTask, Report
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.engine import Engine, PageImage, RecognitionOptions
from ocr_pipeline.recognition.gate import GateObserver
from ocr_pipeline.settings import Settings, load
from workers.celery_app import create_app
from workers.process import Stages

KILLER_PAGE = 13
BROKEN_PAGE = 99


class Stage:
    """The folder between a test and the workers it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def note(self, what: str, **facts: object) -> None:
        """Append one line to what was done."""
        line = json.dumps({"what": what, "pid": os.getpid(), **facts}) + "\n"
        with (self.folder / "done.jsonl").open("a", encoding="utf-8") as log:
            log.write(line)

    def notes(self, what: str) -> list[dict[str, object]]:
        """What was done, in order."""
        log = self.folder / "done.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [note for note in map(json.loads, lines) if note["what"] == what]

    def set(self, flag: str, value: str = "") -> None:
        """Steer the stages."""
        (self.folder / flag).write_text(value, encoding="utf-8")

    def clear(self, flag: str) -> None:
        (self.folder / flag).unlink()

    def has(self, flag: str) -> bool:
        return (self.folder / flag).exists()

    def seconds_a_page(self) -> float:
        """How long a page takes."""
        return float((self.folder / "seconds").read_text(encoding="utf-8")) if self.has("seconds") else 0.0


class SteeredEngine:
    """Down while the flag says so."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def name(self) -> str:
        return "steered"

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to give back."""

    def check(self) -> None:
        self._stage.note("check")
        if self._stage.has("engine_down"):
            raise EngineUnavailable("steered")


class SteeredRecognition:
    """Reads nothing, but takes its time, breaks or dies as told."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.engine: Engine = SteeredEngine(stage)
        self.gate_observer = GateObserver()

    def __call__(self, task: RecognitionTask) -> Report:
        number = task.page.number
        self._stage.note("started", page=number, document=str(task.page.document_id), priority=task.priority.label)
        if number == KILLER_PAGE:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == BROKEN_PAGE:
            raise RuntimeError("secret words of a patient")
        if self._stage.has("engine_down"):
            failure = Failure.of(EngineUnavailable("steered"))
            return PageFailed(task.page, task.attempt, task.dispatch, failure)
        while self._stage.has("held"):
            time.sleep(0.02)
        time.sleep(self._stage.seconds_a_page())
        self._stage.note("read", page=number, document=str(task.page.document_id))
        return PageRead(task.page, task.attempt, task.dispatch, b"sealed", 0.9, False, (), "steered", 0.1)


def _stage() -> Stage:
    return Stage(Path(os.environ["OCR_TEST_STAGE"]))


@contextmanager
def _intake(_: Settings) -> Iterator[Callable[[IntakeTask], None]]:
    stage = _stage()

    def admit(task: IntakeTask) -> None:
        if stage.has("database_down"):
            stage.note("refused")
            raise DatabaseUnavailable("steered")
        time.sleep(stage.seconds_a_page())
        stage.note("admitted", document=str(task.document_id), priority=task.priority.label)

    yield admit
    stage.note("closed")


@contextmanager
def _recognition(settings: Settings) -> Iterator[SteeredRecognition]:
    if settings.database.url is not None:
        raise ConfigurationError("a recognition worker was given a database")
    stage = _stage()
    yield SteeredRecognition(stage)
    stage.note("closed")


@contextmanager
def _results(_: Settings) -> Iterator[Callable[[Report], None]]:
    stage = _stage()

    def apply(report: Report) -> None:
        if stage.has("database_down"):
            stage.note("refused")
            raise DatabaseUnavailable("steered")
        if report.page.number == BROKEN_PAGE:
            raise RuntimeError("secret words of a patient")
        stage.note("applied", page=report.page.number, document=str(report.page.document_id), kind=report.kind)

    yield apply


@contextmanager
def _reconcile(_: Settings) -> Iterator[Callable[[], None]]:
    stage = _stage()
    yield lambda: stage.note("swept")


@contextmanager
def _bulk(_: Settings) -> Iterator[Callable[[], list[Stepped]]]:
    stage = _stage()

    def step() -> list[Stepped]:
        stage.note("stepped")
        return []

    yield step


app = create_app(load, Stages(_intake, _recognition, _results, _reconcile, _bulk))
