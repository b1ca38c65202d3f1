"""A broker that is restarted, killed or wiped while pages are being read: nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.messages import RecognitionTask
from ocr_pipeline.domain.priorities import Priority
from tests.messages_factory import intake_task, page_read, recognition_task
from tests.services_fixtures import wipe
from tests.waiting import until
from tests.worker_harness import consumers, crew
from tests.worker_programs import Stage as Steering
from tools.private_rabbitmq import PrivateRabbitMq

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]

PAGES = 60


@pytest.fixture
def queue(broker: PrivateRabbitMq) -> Iterator[CeleryWorkQueue]:
    queue = CeleryWorkQueue(broker.url, timeout=60.0)
    yield queue
    queue.close()


def send_surely(queue: CeleryWorkQueue, task: RecognitionTask) -> None:
    """As the pipeline does: what the broker did not confirm is sent again."""

    def sent() -> bool:
        try:
            queue.send_recognition(task)
        except QueueUnavailable:
            return False
        return True

    until(sent, "the broker taking a page")


class ResultsStage:
    """What the results stage does for this test: pages that were only redelivered are sent afresh, once each time."""

    def __init__(self, steering: Steering, queue: CeleryWorkQueue, tasks: list[RecognitionTask]) -> None:
        self._steering = steering
        self._queue = queue
        self._tasks = {str(task.page.document_id): task for task in tasks}
        self._answered = 0

    def all_read(self) -> bool:
        applied = self._steering.notes("applied")
        read = {note["document"] for note in applied if note["kind"] == "page_read"}
        for note in applied[self._answered :]:
            if note["kind"] == "page_redelivered" and note["document"] not in read:
                send_surely(self._queue, self._tasks[str(note["document"])])
        self._answered = len(applied)
        return len(read) == len(self._tasks)


@pytest.mark.parametrize("fault", ["restart", "kill"])
def test_no_page_is_lost_when_the_broker_goes_down_under_load(
    tmp_path: Path, broker: PrivateRabbitMq, queue: CeleryWorkQueue, fault: str
) -> None:
    steering = Steering(tmp_path)
    steering.set("seconds", "0.1")
    tasks = [recognition_task(priority) for priority in Priority for _ in range(PAGES // 3)]
    with crew(tmp_path, broker.url, environment={"OCR_PIPELINE_WORKER__SLOTS": "2"}) as workers:
        reader = workers.start("recognition", RECOGNITION_LANES)
        applier = workers.start("results", ("results",), "-c", "2")
        for task in tasks:
            send_surely(queue, task)
        until(lambda: len(steering.notes("applied")) >= 5, "some pages read")
        if fault == "restart":
            broker.stop()
        else:
            broker.kill()
        with pytest.raises(QueueUnavailable):
            queue.send_report(page_read())
        broker.start()
        results = ResultsStage(steering, queue, tasks)
        until(results.all_read, "every page read", seconds=600.0)
        assert reader.process.poll() is None
        assert applier.process.poll() is None
        until(lambda: sum(queue.depths().values()) == 0, "empty queues")
        until(lambda: consumers(broker.url, "results") == 1, "results consumed again")
        for worker in (reader, applier):
            worker.terminate()
            assert worker.wait() == 0
    assert sum(queue.depths().values()) == 0


def test_confirmed_messages_outlive_a_power_cut(broker: PrivateRabbitMq, queue: CeleryWorkQueue) -> None:
    for _ in range(20):
        queue.send_report(page_read())
    broker.kill()
    broker.start()
    until(lambda: queue.depths()["results"] == 20, "the reports after the power cut")


def test_a_wiped_broker_is_set_up_again_by_whoever_comes_first(
    tmp_path: Path, broker: PrivateRabbitMq, queue: CeleryWorkQueue
) -> None:
    steering = Steering(tmp_path)
    with crew(tmp_path, broker.url) as workers:
        workers.start("intake", ("intake.routine",), "-c", "1")
        queue.send_intake(intake_task())
        until(lambda: len(steering.notes("admitted")) == 1, "intake at work")
        wipe(broker.url)
        queue.send_intake(intake_task())
        until(lambda: len(steering.notes("admitted")) == 2, "intake at work again")
