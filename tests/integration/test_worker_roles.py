"""Intake, results and maintenance workers as real processes, and what every worker does with nonsense."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu import Connection

from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.adapters.queues.topology import (
    BULK,
    DEAD,
    INTAKE_LANES,
    MAINTENANCE,
    RECOGNITION_LANES,
    RECOGNITION_TASK,
    RESULTS_TASK,
    Topology,
)
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.messages import Report
from ocr_pipeline.domain.priorities import Priority
from tests.messages_factory import intake_task, page_read, page_redelivered, page_ref, recognition_task
from tests.waiting import until
from tests.worker_harness import Crew, crew
from tests.worker_programs import BROKEN_PAGE
from tests.worker_programs import Stage as Steering
from workers.roles import Role, role_of

RESULTS = ("results",)


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
    with crew(tmp_path, broker_url, environment={"OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "1"}) as workers:
        yield workers


def all_ready(queue: CeleryWorkQueue) -> int:
    return sum(queue.depths().values())


@pytest.mark.services
@pytest.mark.slow
def test_every_lane_of_intake_is_served(workers: Crew, steering: Steering, queue: CeleryWorkQueue) -> None:
    workers.start("intake", INTAKE_LANES, "-c", "3")
    tasks = [intake_task(priority) for priority in Priority for _ in range(3)]
    for task in tasks:
        queue.send_intake(task)
    until(lambda: len(steering.notes("admitted")) == len(tasks), "all admitted")
    assert {note["document"] for note in steering.notes("admitted")} == {str(task.document_id) for task in tasks}
    until(lambda: all_ready(queue) == 0, "all acknowledged")


@pytest.mark.services
@pytest.mark.slow
def test_reports_wait_for_the_database_and_are_applied_once(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue
) -> None:
    steering.set("database_down")
    worker = workers.start("results", RESULTS, "-c", "2")
    sent: list[Report] = [page_read(), page_redelivered(), page_read()]
    for report in sent:
        queue.send_report(report)
    until(lambda: len(steering.notes("refused")) >= 4, "reports being tried again")
    assert not steering.notes("applied")
    steering.clear("database_down")
    until(lambda: len(steering.notes("applied")) == 3, "all applied")
    assert sorted(str(note["kind"]) for note in steering.notes("applied")) == sorted(report.kind for report in sent)
    worker.terminate()
    assert worker.wait() == 0
    assert all_ready(queue) == 0
    assert len(steering.notes("applied")) == 3


@pytest.mark.services
@pytest.mark.slow
def test_a_results_worker_that_stops_while_the_database_is_down_gives_its_reports_back(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue
) -> None:
    steering.set("database_down")
    worker = workers.start("results", RESULTS, "-c", "2")
    for _ in range(3):
        queue.send_report(page_read())
    until(lambda: len(steering.notes("refused")) >= 2, "reports being tried")
    worker.terminate()
    assert worker.wait() == 0
    until(lambda: all_ready(queue) == 3, "all reports back in the queue")


@pytest.mark.services
@pytest.mark.slow
def test_the_sweep_runs_again_and_again(workers: Crew, steering: Steering, queue: CeleryWorkQueue) -> None:
    workers.start("maintenance", (MAINTENANCE,), "-c", "1")
    beat = workers.start_beat()
    until(lambda: len(steering.notes("swept")) >= 3, "three sweeps")
    beat.terminate()
    assert beat.wait() == 0


@pytest.mark.services
@pytest.mark.slow
def test_the_step_of_bulk_runs_is_taken_again_and_again(tmp_path: Path, broker_url: str) -> None:
    with crew(tmp_path, broker_url, environment={"OCR_PIPELINE_BULK__INTERVAL_SECONDS": "0.5"}) as workers:
        workers.start("bulk", (BULK,), "-c", "1")
        workers.start_beat()
        until(lambda: len(Steering(tmp_path).notes("stepped")) >= 3, "three steps")


def nonsense(url: str, queue: str, body: Any, headers: dict[str, Any], content_type: str = "application/json") -> None:
    with Connection(url) as connection:
        connection.Producer().publish(
            body,
            exchange=Topology().exchange(queue),
            routing_key=queue,
            headers=headers,
            content_type=content_type,
            content_encoding="utf-8",
            serializer=None,
        )


@pytest.mark.services
@pytest.mark.slow
def test_nonsense_becomes_dead_letters_and_work_goes_on(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    worker = workers.start("results", RESULTS, "-c", "2")
    recogniser = workers.start("recognition", RECOGNITION_LANES)
    marker = "words of a patient"
    task = {"task": RESULTS_TASK, "id": "1"}
    good_args = [[{"kind": "page_read", "marker": marker}], {}, {}]
    for body, headers, kind in (
        (b"not json " + marker.encode(), task, "application/json"),
        (json.dumps([[marker], {}, {}]), {}, "application/json"),
        (json.dumps([[marker], {}, {}]), {"task": RESULTS_TASK}, "application/json"),
        (json.dumps([[marker], {}, {}]), {"task": marker, "id": "2"}, "application/json"),
        (json.dumps({"marker": marker}), task, "application/json"),
        (json.dumps([[], {}, {}]), {**task, "id": "3"}, "application/json"),
        (json.dumps([[marker, marker], {}, {}]), {**task, "id": "4"}, "application/json"),
        (json.dumps(good_args), {**task, "id": "5"}, "application/json"),
        (json.dumps(good_args), {**task, "id": "6", "eta": marker}, "application/json"),
        (b"\x80\x04K\x01.", {**task, "id": "7"}, "application/x-python-serialize"),
        (json.dumps([[page_read().to_json()], {}, {}]), {"task": RECOGNITION_TASK, "id": "8"}, "application/json"),
    ):
        nonsense(broker_url, "results", body, headers, kind)
    nonsense(
        broker_url, "recognition.bulk", json.dumps([[{"x": marker}], {}, {}]), {"task": RECOGNITION_TASK, "id": "9"}
    )
    queue.send_report(page_read())
    queue.send_recognition(recognition_task())
    until(lambda: len(steering.notes("applied")) == 2, "good reports applied")

    def dead() -> int:
        with Connection(broker_url) as connection:
            return int(connection.channel().queue_declare(DEAD, passive=True).message_count)

    until(lambda: dead() == 12, "all nonsense among the dead letters")
    for each in (worker, recogniser):
        assert each.process.poll() is None
        assert "malformed" in each.output()
        assert marker not in each.output()


def both_ended(connection: Connection, seen: list[dict[str, Any]]) -> bool:
    with contextlib.suppress(TimeoutError):
        connection.drain_events(timeout=0.5)
    return {"task-succeeded", "task-failed"} <= {event["type"] for event in seen}


@pytest.mark.services
@pytest.mark.slow
def test_monitors_are_told_ids_and_nothing_of_errors_or_content(
    workers: Crew, steering: Steering, queue: CeleryWorkQueue, broker_url: str
) -> None:
    worker = workers.start("results", RESULTS, "-c", "1")
    seen: list[dict[str, Any]] = []
    good, bad = page_read(), page_read(page_ref(BROKEN_PAGE))
    with Connection(broker_url) as connection:
        app = Celery(set_as_current=False)
        receiver = app.events.Receiver(connection, handlers={"*": seen.append})
        with connection.Consumer([receiver.queue], callbacks=[receiver._receive], accept=["json"]):
            queue.send_report(good)
            queue.send_report(bad)
            until(lambda: both_ended(connection, seen), "both tasks' events")
    received = {event["args"] for event in seen if event["type"] == "task-received"}
    assert received == {f"{report.page} attempt 1 page_read" for report in (good, bad)}
    told = json.dumps(seen, default=str)
    assert "secret words" not in told
    assert good.to_json()["text"] not in told
    assert "secret words" not in worker.output()
    assert "RuntimeError" in worker.output()
    with Connection(broker_url) as connection:
        until(lambda: connection.channel().basic_get(DEAD, no_ack=True) is not None, "the dead letter")


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.parametrize(
    ("queues", "environment", "complaint"),
    [
        (("results", "intake.bulk"), {}, "a worker serves one stage"),
        (("results",), {"OCR_PIPELINE_BROKER__QUEUE_TYPE": "stream"}, "broker.queue_type"),
        (RECOGNITION_LANES, {"OCR_PIPELINE_DATABASE__URL": "postgresql://x/y"}, "was given a database"),
    ],
)
def test_a_worker_that_cannot_run_says_why_and_ends(
    tmp_path: Path, broker_url: str, queues: tuple[str, ...], environment: dict[str, str], complaint: str
) -> None:
    with crew(tmp_path, broker_url, environment=environment) as workers:
        worker = workers.start("wrong", queues, ready=False)
        assert worker.wait() != 0
        assert complaint in worker.output()


@pytest.mark.parametrize("role", Role)
def test_a_role_is_told_by_its_queues(role: Role) -> None:
    assert role_of(role.queues) is role
    assert role_of(role.queues[:1]) is role


@pytest.mark.parametrize("queues", [(), ("celery",), ("results", "maintenance"), ("intake.bulk", "recognition.bulk")])
def test_queues_of_several_stages_or_none_make_no_role(queues: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="one stage"):
        role_of(queues)
