"""The work queue over RabbitMQ, in the form that Celery workers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import uuid4

from celery import Celery

from ocr_pipeline.adapters.queues.links import Letter, Links
from ocr_pipeline.adapters.queues.topology import (
    INTAKE_TASK,
    RECOGNITION_TASK,
    RESULTS_TASK,
    WORK_QUEUES,
    Topology,
)
from ocr_pipeline.domain.errors import EngineUnavailable
from ocr_pipeline.domain.messages import IntakeTask, Json, RecognitionTask, Report
from ocr_pipeline.domain.priorities import QUARANTINE, Priority, Stage, lane


class CeleryWorkQueue:
    """Publishes tasks as JSON and returns once the broker has confirmed them. Safe between threads.

    `timeout` bounds, in seconds, each of connecting, writing and waiting for the confirmation. What monitors see as a
    task's arguments names the document and the page, nothing else. `companions` gives headers to go with each message.
    """

    def __init__(
        self,
        broker_url: str,
        topology: Topology | None = None,
        *,
        timeout: float = 10.0,
        idle_connections: int = 8,
        companions: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._companions = companions
        self._format = Celery("ocr_pipeline", set_as_current=False)
        self._links = Links(broker_url, topology or Topology(), timeout=timeout, idle=idle_connections)

    def send_intake(self, task: IntakeTask) -> None:
        """Into the intake lane of the task's priority. Raises QueueUnavailable."""
        self._send(lane(Stage.INTAKE, task.priority), INTAKE_TASK, task.to_json(), str(task.document_id))

    def send_recognition(self, task: RecognitionTask, *, quarantine: bool = False) -> None:
        """Into the recognition lane of the task's priority, or to the quarantine. Raises QueueUnavailable."""
        queue = QUARANTINE if quarantine else lane(Stage.RECOGNITION, task.priority)
        self._send(queue, RECOGNITION_TASK, task.to_json(), f"{task.page} attempt {task.attempt}")

    def send_report(self, report: Report) -> None:
        """To the results stage. Raises QueueUnavailable."""
        shown = f"{report.page} attempt {report.attempt} {report.kind}"
        self._send(Stage.RESULTS.value, RESULTS_TASK, report.to_json(), shown)

    def check(self) -> None:
        """Prove that the broker answers and has the queues. Raises QueueUnavailable."""
        self._links.use(lambda link: link.depth(Stage.RESULTS.value))

    def depths(self) -> dict[str, int]:
        """How many messages wait in each lane. Raises QueueUnavailable."""
        return self._links.use(lambda link: {name: link.depth(name) for name in WORK_QUEUES})

    def check_recognition(self) -> None:
        """Raises EngineUnavailable where no worker takes pages: they stop taking them while their engine is ill."""
        urgent = lane(Stage.RECOGNITION, Priority.URGENT)
        if not self._links.use(lambda link: link.consumers(urgent)):
            raise EngineUnavailable("no recognition worker takes pages now")

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._links.close()

    def _send(self, queue: str, task: str, body: Json, shown: str) -> None:
        message = self._format.amqp.as_task_v2(
            str(uuid4()), task, args=[body], argsrepr=shown, kwargsrepr="", ignore_result=True
        )
        headers = message.headers if self._companions is None else {**self._companions(), **message.headers}
        letter = Letter(queue, message.body, headers, message.properties)
        self._links.use(lambda link: link.publish(letter))
