"""The queues of the pipeline in RabbitMQ: one a lane, bounded, with a dead-letter queue behind them.

Quorum queues are the default: replicated, they count deliveries and dead-letter at least once. Classic queues serve a
broker of one node. A full lane refuses new messages (the publisher sees it), it never drops what it took.

Each stage has an exchange of its own, for RabbitMQ grants a user the right to publish by exchange, not by queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from kombu import Exchange, Queue

from ocr_pipeline.domain.priorities import QUARANTINE, Priority, Stage, lane

INTAKE_TASK = "ocr.intake"
RECOGNITION_TASK = "ocr.recognition"
RESULTS_TASK = "ocr.results"
RECONCILE_TASK = "ocr.reconcile"
BULK_TASK = "ocr.bulk"

MAINTENANCE = "maintenance"
"""The queue of the periodic sweep; at most one sweep waits in it."""

BULK = "bulk"
"""The queue of the periodic step of bulk runs; at most one step waits in it."""

DEAD = "dead"
"""The queue of messages that nobody could make sense of, or that were delivered too often."""

EVENTS_EXCHANGE = "celeryev"
"""Where Celery's workers say what they do, for Flower."""

CONTROL = "ocr.control"
QUESTIONS_EXCHANGE = f"{CONTROL}.pidbox"
ANSWERS_EXCHANGE = f"reply.{CONTROL}.pidbox"
"""Where Flower asks workers, and where they answer; the names are Celery's, from the first."""

_DEAD_EXCHANGE = "ocr.dead"
_MAX_DEAD = 10_000

INTAKE_LANES = tuple(lane(Stage.INTAKE, priority) for priority in Priority)
RECOGNITION_LANES = tuple(lane(Stage.RECOGNITION, priority) for priority in Priority)
WORK_QUEUES = (*INTAKE_LANES, *RECOGNITION_LANES, QUARANTINE, Stage.RESULTS.value)
"""Every queue that carries documents or pages."""

_EXCHANGES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(INTAKE_LANES, "ocr.intake"),
        **dict.fromkeys((*RECOGNITION_LANES, QUARANTINE), "ocr.recognition"),
        Stage.RESULTS.value: "ocr.results",
        MAINTENANCE: "ocr.schedule",
        BULK: "ocr.schedule",
        DEAD: _DEAD_EXCHANGE,
    }
)

QueueType = Literal["quorum", "classic"]


@dataclass(frozen=True, slots=True)
class Topology:
    """How the queues are made: their type, how often a message may be delivered, how many a lane holds.

    With `made_by_users` whoever uses the queues makes them; else an administrator has made them before.
    """

    queue_type: QueueType = "quorum"
    delivery_limit: int = 20
    max_lane_depth: int = 100_000
    made_by_users: bool = True

    def exchange(self, queue: str) -> Exchange:
        """Where the messages of a queue are published; the routing key is the name of the queue."""
        return self._exchange(_EXCHANGES[queue], "direct")

    def events(self) -> Exchange:
        """Where workers say what they do."""
        return self._exchange(EVENTS_EXCHANGE, "topic")

    def questions(self) -> Exchange:
        """Where workers are asked."""
        return self._exchange(QUESTIONS_EXCHANGE, "fanout")

    def answers(self) -> Exchange:
        """Where they answer."""
        return self._exchange(ANSWERS_EXCHANGE, "direct")

    def queues(self) -> tuple[Queue, ...]:
        """Every queue a worker may consume."""
        lanes = (self._queue(name, self._lane_arguments()) for name in WORK_QUEUES)
        one_waits = {"x-max-length": 1, "x-overflow": "drop-head"}
        return (*lanes, *(self._queue(name, one_waits) for name in (MAINTENANCE, BULK)))

    def dead_letters(self) -> Queue:
        """Where refused messages end; nothing consumes it but a person."""
        return self._queue(DEAD, {"x-max-length": _MAX_DEAD, "x-overflow": "drop-head"})

    def declare(self, channel: Any) -> None:  # noqa: ANN401 - kombu has no types
        """Make everything that is not there yet; raises PreconditionFailed where something has other arguments.

        Nothing is done where the queues are not `made_by_users`.
        """
        for exchange in (self.events(), self.questions(), self.answers()):
            exchange(channel).declare()
        for queue in (self.dead_letters(), *self.queues()):
            queue(channel).declare()

    def _lane_arguments(self) -> dict[str, object]:
        arguments: dict[str, object] = {
            "x-max-length": self.max_lane_depth,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": _DEAD_EXCHANGE,
            "x-dead-letter-routing-key": DEAD,
        }
        if self.queue_type == "quorum":
            arguments |= {"x-delivery-limit": self.delivery_limit, "x-dead-letter-strategy": "at-least-once"}
        return arguments

    def _exchange(self, name: str, kind: str) -> Exchange:
        return Exchange(name, type=kind, durable=True, no_declare=not self.made_by_users)

    def _queue(self, name: str, arguments: dict[str, object]) -> Queue:
        return Queue(
            name,
            exchange=self.exchange(name),
            routing_key=name,
            durable=True,
            queue_arguments={"x-queue-type": self.queue_type, **arguments},
            no_declare=not self.made_by_users,
        )
