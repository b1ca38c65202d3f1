"""Recognition workers as real processes on a real broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kombu import Connection

from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES, Topology
from ocr_pipeline.domain.messages import PageFailed, PageRead, PageRedelivered, Report, parse_report
from ocr_pipeline.domain.priorities import QUARANTINE, Priority, Stage
from tests.messages_factory import page_ref, recognition_task
from tests.waiting import PATIENCE, until
from tests.worker_harness import Crew, consumers, crew
from tests.worker_programs import BROKEN_PAGE, KILLER_PAGE
from tests.worker_programs import Stage as Steering

pytestmark = [pytest.mark.services, pytest.mark.slow]

THREADS = ("-P", "threads")
ALONE = ("-P", "prefork", "-c", "1", "--max-tasks-per-child", "1")


@pytest.fixture
def steering(tmp_path: Path) -> Steering:
    return Steering(tmp_path)


@pytest.fixture
def queue(broker_url: str) -> Iterator[CeleryWorkQueue]:
    queue = CeleryWorkQueue(broker_url)
    queue.check()
    yield queue
    queue.close()


@pytest.fixture
def workers(tmp_path: Path, broker_url: str) -> Iterator[Crew]:
    environment = {"OCR_PIPELINE_WORKER__SLOTS": "1", "OCR_PIPELINE_WORKER__SHUTDOWN_SECONDS": str(PATIENCE)}
    with crew(tmp_path, broker_url, environment=environment) as workers:
        yield workers


def reports(url: str, count: int) -> list[Report]:
    """The next reports, acknowledged."""
    found: list[Report] = []
    with Connection(url) as connection:
        channel = connection.channel()

        def take() -> bool:
            while len(found) < count and (raw := channel.basic_get(Stage.RESULTS.value, no_ack=True)) is not None:
                arguments, _, _ = channel.message_to_python(raw).decode()
                found.append(parse_report(arguments[0]))
            return len(found) == count

        until(take, f"{count} reports")
    return found


def test_urgent_pages_overtake_a_backlog_of_bulk(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    steering.set("seconds", "0.1")
    steering.set("held")
    for _ in range(20):
        queue.send_recognition(recognition_task(Priority.BULK))
    workers.start("recognition", RECOGNITION_LANES, *THREADS)
    until(lambda: len(steering.notes("started")) == 1, "bulk being read")
    for _ in range(3):
        queue.send_recognition(recognition_task(Priority.URGENT))
    until(lambda: queue.depths()["recognition.urgent"] < 3, "urgent pages at the worker")
    steering.clear("held")
    reports(broker_url, 23)
    order = [note["priority"] for note in steering.notes("started")]
    # What the worker had in hand before them may be let in first, a few pages, but not the backlog.
    assert order[0] == "bulk"
    assert order[1:11].count("urgent") == 3


@pytest.mark.parametrize("queue_type", ["quorum", "classic"])
def test_a_lane_is_given_no_more_than_it_may_hold(
    tmp_path: Path, steering: Steering, broker_url: str, queue_type: str
) -> None:
    queue = CeleryWorkQueue(broker_url, Topology(queue_type=queue_type))  # type: ignore[arg-type]
    steering.set("held")
    for _ in range(10):
        queue.send_recognition(recognition_task(Priority.BULK))
        queue.send_recognition(recognition_task(Priority.ROUTINE))
    environment = {"OCR_PIPELINE_WORKER__SLOTS": "2", "OCR_PIPELINE_BROKER__QUEUE_TYPE": queue_type}
    with crew(tmp_path, broker_url, environment=environment) as workers:
        workers.start("recognition", RECOGNITION_LANES, *THREADS)
        until(lambda: queue.depths()["recognition.bulk"] == 7, "bulk delivered up to its bound")
        until(lambda: queue.depths()["recognition.routine"] == 7, "routine delivered up to its bound")
        until(lambda: len(steering.notes("started")) == 2, "two pages being read, and no more")
    queue.close()


def test_a_page_on_which_the_code_breaks_is_reported_without_its_words(
    workers: Crew, queue: CeleryWorkQueue, broker_url: str
) -> None:
    worker = workers.start("recognition", RECOGNITION_LANES, *THREADS)
    queue.send_recognition(recognition_task(page=page_ref(BROKEN_PAGE)))
    (report,) = reports(broker_url, 1)
    assert isinstance(report, PageFailed)
    assert (report.failure.code, report.failure.retryable, report.failure.counts_attempt) == ("internal", True, True)
    assert "RuntimeError" in worker.output()
    assert "secret words" not in worker.output()


def test_a_page_whose_worker_was_killed_is_reported_and_not_read_again(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    steering.set("held")
    first = workers.start("recognition", RECOGNITION_LANES, *THREADS)
    task = recognition_task()
    queue.send_recognition(task)
    until(lambda: len(steering.notes("started")) == 1, "the page being read")
    first.kill()
    workers.start("recognition", RECOGNITION_LANES, *THREADS, ready=False)
    assert reports(broker_url, 1) == [PageRedelivered(task.page, task.attempt, task.dispatch)]
    assert len(steering.notes("started")) == 1
    steering.clear("held")
    queue.send_recognition(task)
    (report,) = reports(broker_url, 1)
    assert isinstance(report, PageRead)


def test_a_worker_told_to_stop_finishes_its_page_and_hands_back_the_rest(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    steering.set("seconds", "5")
    steering.set("held")
    worker = workers.start("recognition", RECOGNITION_LANES, *THREADS)
    tasks = [recognition_task() for _ in range(4)]
    for task in tasks:
        queue.send_recognition(task)
    until(lambda: len(steering.notes("started")) == 1, "the first page being read")
    worker.terminate()
    until(lambda: "Warm shutdown" in worker.output(), "a worker that stops")
    steering.clear("held")
    assert worker.wait() == 0
    (report,) = reports(broker_url, 1)
    assert isinstance(report, PageRead)
    assert report.page == tasks[0].page
    assert len(steering.notes("started")) == 1
    assert len(steering.notes("closed")) == 1
    until(lambda: queue.depths()["recognition.routine"] == 3, "the rest back in the lane")


def test_a_page_that_takes_too_long_does_not_hold_up_the_end(
    tmp_path: Path, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    steering.set("held")
    with crew(tmp_path, broker_url, environment={"OCR_PIPELINE_WORKER__SHUTDOWN_SECONDS": "1"}) as workers:
        worker = workers.start("recognition", RECOGNITION_LANES, *THREADS)
        queue.send_recognition(recognition_task())
        until(lambda: len(steering.notes("started")) == 1, "the page being read")
        worker.terminate()
        assert worker.wait() == 0
    until(lambda: queue.depths()["recognition.routine"] == 1, "the page back in the lane")
    assert "pages in hand" in worker.output()


def test_while_the_engine_is_down_nothing_is_consumed_and_no_attempt_is_lost(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    steering.set("engine_down")
    workers.start("recognition", RECOGNITION_LANES, *THREADS)
    queue.send_recognition(recognition_task())
    (report,) = reports(broker_url, 1)
    assert isinstance(report, PageFailed)
    assert (report.failure.code, report.failure.counts_attempt) == ("engine_unavailable", False)
    until(lambda: sum(consumers(broker_url, lane) for lane in RECOGNITION_LANES) == 0, "consumption paused")
    tasks = [recognition_task(priority) for priority in Priority]
    for task in tasks:
        queue.send_recognition(task)
    checks = len(steering.notes("check"))
    until(lambda: len(steering.notes("check")) >= checks + 2, "the engine being probed")
    assert sum(queue.depths().values()) == 3
    steering.clear("engine_down")
    answers = reports(broker_url, 3)
    assert {report.page for report in answers} == {task.page for task in tasks}
    assert all(isinstance(report, PageRead) for report in answers)
    assert all(consumers(broker_url, lane) == 1 for lane in RECOGNITION_LANES)


def test_a_page_that_kills_its_worker_is_stopped_in_quarantine_and_innocents_finish(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    killer = recognition_task(page=page_ref(KILLER_PAGE))
    innocents = [recognition_task() for _ in range(3)]
    for task in (innocents[0], killer, *innocents[1:]):
        queue.send_recognition(task, quarantine=True)
    worker = workers.start("quarantine", (QUARANTINE,), *ALONE)
    answers = {report.page: report for report in reports(broker_url, 4)}
    assert answers[killer.page] == PageRedelivered(killer.page, killer.attempt, killer.dispatch)
    assert all(isinstance(answers[task.page], PageRead) for task in innocents)
    started = steering.notes("started")
    assert [note["page"] for note in started].count(KILLER_PAGE) == 1
    assert len({note["pid"] for note in started}) == len(started)
    until(lambda: sum(queue.depths().values()) == 0, "the quarantine empty")
    worker.terminate()
    assert worker.wait() == 0


def test_a_page_that_hangs_in_quarantine_is_killed_and_reported(
    tmp_path: Path, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    steering.set("held")
    task = recognition_task()
    with crew(tmp_path, broker_url, environment={"OCR_PIPELINE_REQUEST_TIMEOUT_SECONDS": "1"}) as workers:
        workers.start("quarantine", (QUARANTINE,), *ALONE)
        queue.send_recognition(task, quarantine=True)
        assert reports(broker_url, 1) == [PageRedelivered(task.page, task.attempt, task.dispatch)]
    assert len(steering.notes("started")) == 1
