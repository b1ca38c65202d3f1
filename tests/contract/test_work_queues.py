"""What every work queue promises, over the embedded one and over RabbitMQ."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest
from kombu import Connection, Message

from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.adapters.queues.lines import Line
from ocr_pipeline.adapters.queues.local import LocalWorkQueue
from ocr_pipeline.adapters.queues.topology import DEAD, Topology
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.messages import IntakeTask, Json, RecognitionTask, Report, parse_report
from ocr_pipeline.domain.priorities import QUARANTINE, Priority, Stage, lane
from ocr_pipeline.ports.queues import WorkQueue
from tests.messages_factory import intake_task, page_failed, page_read, page_redelivered, recognition_task
from tests.waiting import until

Item = TypeVar("Item")

CAPACITY = 5
BOTH = ("local", "quorum", "classic")


@dataclass
class World:
    """A queue and the other end of it."""

    queue: WorkQueue
    next_intake: Callable[[], IntakeTask]
    next_page: Callable[[], RecognitionTask]
    next_report: Callable[[], Report]
    break_down: Callable[[], None]
    close: Callable[[], None]


def first_of(url: str, *names: str) -> Message:
    """The first message of the first queue that has one, acknowledged."""
    with Connection(url) as connection:
        channel = connection.channel()
        for name in names:
            raw = channel.basic_get(name, no_ack=True)
            if raw is not None:
                message: Message = channel.message_to_python(raw)
                return message
    pytest.fail("no message waits")


def body_of(message: Message) -> Json:
    arguments, _, _ = message.decode()
    body: Json = arguments[0]
    return body


def lanes_of(stage: Stage) -> list[str]:
    return [lane(stage, priority) for priority in Priority]


def over_rabbitmq(url: str, topology: Topology) -> World:
    queue = CeleryWorkQueue(url, topology)

    def break_down() -> None:
        nobody_listens = "amqp://guest:guest@127.0.0.1:9//"
        queue._links._url = nobody_listens
        queue.close()

    return World(
        queue,
        lambda: IntakeTask.from_json(body_of(first_of(url, *lanes_of(Stage.INTAKE)))),
        lambda: RecognitionTask.from_json(body_of(first_of(url, *lanes_of(Stage.RECOGNITION), QUARANTINE))),
        lambda: parse_report(body_of(first_of(url, Stage.RESULTS.value))),
        break_down,
        queue.close,
    )


def in_memory() -> World:
    queue = LocalWorkQueue(CAPACITY)

    return World(
        queue,
        lambda: taken(queue.intake),
        lambda: taken(queue.pages),
        lambda: taken(queue.reports),
        queue.close,
        queue.close,
    )


def taken(line: Line[Item]) -> Item:
    item = line.take() if line.depth else None
    assert item is not None, "no message waits"
    return item


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "local":
        yield in_memory()
        return
    url = request.getfixturevalue("broker_url")
    world = over_rabbitmq(url, Topology(queue_type=request.param, max_lane_depth=CAPACITY))
    yield world
    world.close()


@pytest.mark.parametrize("priority", Priority)
def test_intake_tasks_arrive_as_they_were_sent(world: World, priority: Priority) -> None:
    task = intake_task(priority)
    world.queue.send_intake(task)
    assert world.next_intake() == task


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("quarantine", [False, True])
def test_pages_arrive_as_they_were_sent(world: World, priority: Priority, quarantine: bool) -> None:
    task = recognition_task(priority)
    world.queue.send_recognition(task, quarantine=quarantine)
    assert world.next_page() == task


@pytest.mark.parametrize("report", [page_read(), page_failed(), page_redelivered()], ids=lambda report: report.kind)
def test_reports_arrive_as_they_were_sent(world: World, report: Report) -> None:
    world.queue.send_report(report)
    assert world.next_report() == report


def test_higher_classes_come_first_and_quarantine_last(world: World) -> None:
    suspect = recognition_task(Priority.URGENT)
    world.queue.send_recognition(suspect, quarantine=True)
    tasks = [recognition_task(priority) for priority in (Priority.BULK, Priority.URGENT, Priority.ROUTINE)]
    for task in tasks:
        world.queue.send_recognition(task)
    arrived = [world.next_page() for _ in range(4)]
    assert arrived == [tasks[1], tasks[2], tasks[0], suspect]


def test_inside_a_class_the_first_comes_first(world: World) -> None:
    tasks = [recognition_task() for _ in range(CAPACITY)]
    for task in tasks:
        world.queue.send_recognition(task)
    assert [world.next_page() for _ in tasks] == tasks


def test_a_full_lane_refuses_and_keeps_what_it_has(world: World) -> None:
    sent: list[RecognitionTask] = []

    def fill() -> None:
        for _ in range(100):
            task = recognition_task(Priority.BULK)
            world.queue.send_recognition(task)
            sent.append(task)

    with pytest.raises(QueueUnavailable):
        fill()
    assert len(sent) >= CAPACITY
    assert [world.next_page() for _ in sent] == sent


def test_a_queue_that_is_gone_says_so(world: World) -> None:
    world.queue.check()
    world.break_down()
    with pytest.raises(QueueUnavailable):
        world.queue.check()
    with pytest.raises(QueueUnavailable):
        world.queue.send_intake(intake_task())
    with pytest.raises(QueueUnavailable):
        world.queue.send_recognition(recognition_task())


def test_threads_may_send_at_once(world: World) -> None:
    reports = [page_read() for _ in range(CAPACITY)]
    threads = [threading.Thread(target=world.queue.send_report, args=[report]) for report in reports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    arrived = {world.next_report().page for _ in reports}
    assert arrived == {report.page for report in reports}


@pytest.fixture
def rabbit(broker_url: str) -> Iterator[CeleryWorkQueue]:
    queue = CeleryWorkQueue(broker_url)
    yield queue
    queue.close()


def test_what_monitors_see_is_ids_alone(rabbit: CeleryWorkQueue, broker_url: str) -> None:
    report = page_read()
    rabbit.send_report(report)
    message = first_of(broker_url, Stage.RESULTS.value)
    assert message.headers["argsrepr"] == f"{report.page} attempt 1 page_read"
    assert not message.headers["kwargsrepr"]
    assert (message.content_type, message.properties["delivery_mode"]) == ("application/json", 2)


def test_depths_are_per_lane(rabbit: CeleryWorkQueue) -> None:
    rabbit.send_recognition(recognition_task(Priority.BULK))
    rabbit.send_recognition(recognition_task(Priority.BULK))
    rabbit.send_intake(intake_task(Priority.URGENT))
    depths = {name: depth for name, depth in rabbit.depths().items() if depth}
    assert depths == {"recognition.bulk": 2, "intake.urgent": 1}


def test_a_deleted_queue_comes_back_with_the_next_message(rabbit: CeleryWorkQueue, broker_url: str) -> None:
    rabbit.send_intake(intake_task())
    with Connection(broker_url) as connection:
        connection.channel().queue_delete("intake.routine")
    task = intake_task()
    rabbit.send_intake(task)
    assert IntakeTask.from_json(body_of(first_of(broker_url, "intake.routine"))) == task


def test_a_connection_that_broke_while_idle_is_replaced(rabbit: CeleryWorkQueue, broker_url: str) -> None:
    rabbit.send_report(page_read())
    link = rabbit._links._take_idle()
    assert link is not None
    link._connection.connection.transport.sock.close()
    rabbit._links._idle.put(link)
    report = page_read()
    rabbit.send_report(report)
    first_of(broker_url, Stage.RESULTS.value)
    assert parse_report(body_of(first_of(broker_url, Stage.RESULTS.value))) == report


def test_other_queue_settings_are_refused_with_advice(rabbit: CeleryWorkQueue, broker_url: str) -> None:
    rabbit.check()
    other = CeleryWorkQueue(broker_url, Topology(max_lane_depth=7))
    with pytest.raises(QueueUnavailable, match="other arguments"):
        other.check()


def test_a_rejected_message_lies_in_the_dead_letter_queue(rabbit: CeleryWorkQueue, broker_url: str) -> None:
    rabbit.send_intake(intake_task())
    with Connection(broker_url) as connection:
        channel = connection.channel()
        message = channel.basic_get("intake.routine")
        channel.basic_reject(message.delivery_tag, requeue=False)
        channel.queue_declare("intake.routine", passive=True)

    def dead_letters() -> int:
        with Connection(broker_url) as connection:
            return int(connection.channel().queue_declare(DEAD, passive=True).message_count)

    until(lambda: dead_letters() == 1, "the dead letter")
