"""The queues of the pipeline in RabbitMQ: one a lane, bounded, with a dead-letter queue behind them.

Quorum queues are the default: replicated, they count deliveries and dead-letter at least once. Classic queues serve a
broker of one node. A full lane refuses new messages (the publisher sees it), it never drops what it took.
"""

from __future__ import annotations

from dataclasses import dataclass
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

_EXCHANGE = "ocr"
_DEAD_EXCHANGE = "ocr.dead"
_MAX_DEAD = 10_000

INTAKE_LANES = tuple(lane(Stage.INTAKE, priority) for priority in Priority)
RECOGNITION_LANES = tuple(lane(Stage.RECOGNITION, priority) for priority in Priority)
WORK_QUEUES = (*INTAKE_LANES, *RECOGNITION_LANES, QUARANTINE, Stage.RESULTS.value)
"""Every queue that carries documents or pages."""

QueueType = Literal["quorum", "classic"]


@dataclass(frozen=True, slots=True)
class Topology:
    """How the queues are made: their type, how often a message may be delivered, how many a lane holds."""

    queue_type: QueueType = "quorum"
    delivery_limit: int = 20
    max_lane_depth: int = 100_000

    @property
    def exchange(self) -> Exchange:
        """Where all work is published; the routing key is the name of the queue."""
        return Exchange(_EXCHANGE, type="direct", durable=True)

    def queues(self) -> tuple[Queue, ...]:
        """Every queue a worker may consume."""
        lanes = (self._queue(name, self.exchange, self._lane_arguments()) for name in WORK_QUEUES)
        one_waits = {"x-max-length": 1, "x-overflow": "drop-head"}
        return (*lanes, *(self._queue(name, self.exchange, one_waits) for name in (MAINTENANCE, BULK)))

    def dead_letters(self) -> Queue:
        """Where refused messages end; nothing consumes it but a person."""
        arguments = {"x-max-length": _MAX_DEAD, "x-overflow": "drop-head"}
        return self._queue(DEAD, Exchange(_DEAD_EXCHANGE, type="direct", durable=True), arguments)

    def declare(self, channel: Any) -> None:  # noqa: ANN401 - kombu has no types
        """Make every queue that is not there yet; raises PreconditionFailed where one has other arguments."""
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

    def _queue(self, name: str, exchange: Exchange, arguments: dict[str, object]) -> Queue:
        typed = {"x-queue-type": self.queue_type, **arguments}
        return Queue(name, exchange=exchange, routing_key=name, durable=True, queue_arguments=typed)
