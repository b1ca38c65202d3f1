"""The embedded worker: threads of one process around stages that a test steers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from ocr_pipeline.adapters.queues.local import LocalStages, LocalWorker, LocalWorkQueue
from ocr_pipeline.adapters.queues.patience import Patience
from ocr_pipeline.domain.errors import (
    ConfigurationError,
    DatabaseUnavailable,
    EngineUnavailable,
    QueueUnavailable,
    StoreUnavailable,
)
from ocr_pipeline.domain.messages import IntakeTask, PageFailed, PageRead, RecognitionTask, Report
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.retries import Failure
from tests.messages_factory import intake_task, page_read, recognition_task
from tests.waiting import PATIENCE, until

SECONDS = PATIENCE
QUICK = Patience(first=0.001, longest=0.01)


@dataclass
class World:
    """Stages that remember what they were given and fail as told."""

    queue: LocalWorkQueue = field(default_factory=LocalWorkQueue)
    admitted: list[IntakeTask] = field(default_factory=list)
    read: list[RecognitionTask] = field(default_factory=list)
    applied: list[Report] = field(default_factory=list)
    sweeps: int = 0
    checks: int = 0
    troubles: list[Exception] = field(default_factory=list)
    engine_down: bool = False
    hold: threading.Event | None = None
    on_sweep: Callable[[], None] = lambda: None

    def fail_if_told(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)

    def admit(self, task: IntakeTask) -> None:
        self.fail_if_told()
        self.admitted.append(task)

    def recognise(self, task: RecognitionTask) -> Report:
        self.read.append(task)
        if self.hold is not None:
            assert self.hold.wait(SECONDS)
        self.fail_if_told()
        if self.engine_down:
            return PageFailed(task.page, task.attempt, task.dispatch, Failure.of(EngineUnavailable("told")))
        return PageRead(
            task.page, task.attempt, task.dispatch, b"text", 0.9, blank=False, reasons=(), engine="e", seconds=0.0
        )

    def apply(self, report: Report) -> None:
        self.fail_if_told()
        self.applied.append(report)

    def sweep(self) -> None:
        self.sweeps += 1
        self.on_sweep()

    def check(self) -> None:
        self.checks += 1
        if self.engine_down:
            raise EngineUnavailable("told")

    def worker(self, **options: object) -> LocalWorker:
        stages = LocalStages(self.admit, self.recognise, self.apply, self.sweep, self.check)
        return LocalWorker(self.queue, stages, patience=QUICK, **options)  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


def test_what_the_first_sweep_finds_is_done(world: World) -> None:
    task, page = intake_task(), recognition_task()

    def put_back() -> None:
        if world.sweeps == 1:
            world.queue.send_intake(task)
            world.queue.send_recognition(page)

    world.on_sweep = put_back
    with world.worker() as worker:
        assert worker.until(lambda: bool(world.applied) and bool(world.admitted), SECONDS)
        assert worker.drain(SECONDS)
    assert world.admitted == [task]
    assert [report.page for report in world.applied] == [page.page]


def test_pages_are_read_in_order_of_priority(world: World) -> None:
    world.hold = threading.Event()
    suspect = recognition_task(Priority.URGENT)
    first = recognition_task(Priority.BULK)
    tasks = [
        recognition_task(priority) for priority in (Priority.BULK, Priority.ROUTINE, Priority.URGENT, Priority.BULK)
    ]
    with world.worker() as worker:
        world.queue.send_recognition(first)
        assert worker.until(lambda: world.read == [first], SECONDS)
        world.queue.send_recognition(suspect, quarantine=True)
        for task in tasks:
            world.queue.send_recognition(task)
        world.hold.set()
        assert worker.drain(SECONDS)
    assert world.read == [first, tasks[2], tasks[1], tasks[0], tasks[3], suspect]


def test_a_broken_stage_kills_nothing_and_a_broken_page_is_reported(world: World) -> None:
    page = recognition_task()
    with world.worker() as worker:
        world.troubles = [RuntimeError("secret")]
        world.queue.send_recognition(page)
        assert worker.until(lambda: bool(world.applied), SECONDS)
        world.troubles = [RuntimeError("secret"), ConfigurationError("no")]
        world.queue.send_report(page_read())
        world.queue.send_report(page_read())
        assert worker.drain(SECONDS)
        last = page_read()
        world.queue.send_report(last)
        assert worker.until(lambda: len(world.applied) == 2, SECONDS)
    failed = world.applied[0]
    assert isinstance(failed, PageFailed)
    assert (failed.page, failed.failure) == (page.page, Failure("internal", retryable=True, counts_attempt=True))
    assert world.applied[1] == last


def test_reports_and_documents_wait_for_what_is_away(world: World) -> None:
    report, task = page_read(), intake_task()
    world.troubles = [DatabaseUnavailable("told"), StoreUnavailable("told"), DatabaseUnavailable("told")]
    with world.worker() as worker:
        world.queue.send_report(report)
        assert worker.drain(SECONDS)
        world.troubles = [StoreUnavailable("told"), StoreUnavailable("told")]
        world.queue.send_intake(task)
        assert worker.drain(SECONDS)
    assert (world.applied, world.admitted) == ([report], [task])


def test_while_the_engine_is_down_no_page_is_taken(world: World) -> None:
    world.engine_down = True
    tasks = [recognition_task() for _ in range(5)]
    with world.worker() as worker:
        for task in tasks:
            world.queue.send_recognition(task)
        assert worker.until(lambda: world.checks >= 3, SECONDS)
        assert world.read == tasks[:1]
        world.engine_down = False
        assert worker.drain(SECONDS)
    assert world.read == tasks
    assert [type(report) for report in world.applied] == [PageFailed, *[PageRead] * 4]


def test_stopping_finishes_the_page_in_hand_and_applies_its_report(world: World) -> None:
    world.hold = threading.Event()
    tasks = [recognition_task() for _ in range(3)]
    worker = world.worker(recognition_threads=1)
    worker.start()
    for task in tasks:
        world.queue.send_recognition(task)
    assert worker.until(lambda: len(world.read) == 1, SECONDS)
    with ThreadPoolExecutor(1) as threads:
        stopping = threads.submit(worker.stop, SECONDS)
        until(lambda: world.queue.pages.depth == 0, "the rest to be forgotten")
        world.hold.set()
        assert stopping.result()
    assert [report.page for report in world.applied] == [tasks[0].page]
    assert world.read == tasks[:1]
    with pytest.raises(QueueUnavailable):
        world.queue.send_recognition(tasks[1])


def test_stopping_does_not_wait_for_ever(world: World) -> None:
    world.hold = threading.Event()
    worker = world.worker()
    worker.start()
    world.queue.send_recognition(recognition_task())
    assert worker.until(lambda: len(world.read) == 1, SECONDS)
    assert not worker.stop(0.05)
    world.hold.set()


def test_several_threads_read_at_once(world: World) -> None:
    world.hold = threading.Event()
    with world.worker(recognition_threads=3) as worker:
        for _ in range(4):
            world.queue.send_recognition(recognition_task())
        assert worker.until(lambda: len(world.read) == 3, SECONDS)
        world.hold.set()
        assert worker.drain(SECONDS)
    assert len(world.applied) == 4


def test_sweeps_go_on(world: World) -> None:
    with world.worker(sweep_seconds=0.01) as worker:
        assert worker.until(lambda: world.sweeps >= 3, SECONDS)


def test_waiting_ends_when_it_is_in_vain(world: World) -> None:
    with world.worker() as worker:
        assert not worker.until(lambda: False, 0.05)
