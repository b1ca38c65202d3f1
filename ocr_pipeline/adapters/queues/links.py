"""Connections to the broker for publishing: confirmed, bounded in time, and thrown away after any doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, LifoQueue
from typing import Any, TypeVar

from amqp.exceptions import AccessRefused, AMQPError, MessageNacked, NotFound, PreconditionFailed
from kombu import Connection, Producer
from kombu.exceptions import KombuError

from ocr_pipeline.adapters.queues.topology import DEAD, Topology
from ocr_pipeline.domain.errors import QueueUnavailable

Result = TypeVar("Result")

BROKER_ERRORS = (OSError, AMQPError, MessageNacked, KombuError)
"""What may come out of a broker that is away, full or restarting."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as the broker takes it: its queue, JSON body, headers and properties."""

    queue: str
    body: object
    headers: dict[str, Any]
    properties: dict[str, Any]


class Link:
    """One connection with one channel in confirm mode, for one thread at a time."""

    def __init__(self, url: str, topology: Topology, timeout: float) -> None:
        self._timeout = timeout
        options = {"confirm_publish": True, "read_timeout": timeout, "write_timeout": timeout}
        self._topology = topology
        self._connection = Connection(url, connect_timeout=timeout, transport_options=options)
        try:
            self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, interval_max=0)
            self._channel = self._connection.channel()
            topology.declare(self._channel)
        except BROKER_ERRORS:
            self.close()
            raise
        self._producer = Producer(self._channel, serializer="json", auto_declare=False)

    def publish(self, letter: Letter) -> None:
        """Publish and wait for the broker to confirm. A message no queue would take comes back as an error."""
        self._producer.publish(
            letter.body,
            routing_key=letter.queue,
            exchange=self._topology.exchange(letter.queue),
            headers=letter.headers,
            delivery_mode="persistent",
            mandatory=True,
            retry=False,
            timeout=self._timeout,
            confirm_timeout=self._timeout,
            **letter.properties,
        )

    def depth(self, queue: str) -> int:
        """How many messages of a queue are ready for delivery."""
        return self.standing(queue)[0]

    def consumers(self, queue: str) -> int:
        """How many workers take messages from a queue now."""
        return self.standing(queue)[1]

    def standing(self, queue: str) -> tuple[int, int]:
        """As `depth` and `consumers`, of one moment."""
        declared = self._channel.queue_declare(queue, passive=True)
        return int(declared.message_count), int(declared.consumer_count)

    def close(self) -> None:
        """Let go of the socket, politely or not."""
        try:
            self._connection.close()
        except BROKER_ERRORS:
            self._connection.collect()


def declare(url: str, topology: Topology, *, timeout: float = 10.0) -> None:
    """Make every exchange and queue that is not there yet. Raises QueueUnavailable."""
    links = Links(url, replace(topology, made_by_users=True), timeout=timeout, idle=1)
    try:
        links.use(lambda link: link.depth(DEAD))
    finally:
        links.close()


class Links:
    """Hands links to threads, keeps the good ones for later, and never reuses one that failed.

    After a failure an answer meant for one message could be taken for another's; a fresh connection cannot be mistaken.
    """

    def __init__(self, url: str, topology: Topology, *, timeout: float, idle: int) -> None:
        self._url = url
        self._topology = topology
        self._timeout = timeout
        self._idle: LifoQueue[Link] = LifoQueue(maxsize=idle)

    def use(self, action: Callable[[Link], Result]) -> Result:
        """Run an action over a link; once more on a fresh one when an old one fails. Raises QueueUnavailable."""
        try:
            while (link := self._take_idle()) is not None:
                try:
                    return self._run(link, action)
                except (TimeoutError, MessageNacked):
                    raise
                except BROKER_ERRORS:
                    continue
            return self._run(Link(self._url, self._topology, self._timeout), action)
        except PreconditionFailed as error:
            raise QueueUnavailable(
                "a queue exists with other arguments: restore the broker settings, or drain and delete the queue"
            ) from error
        except NotFound as error:
            raise QueueUnavailable("the broker lacks a queue: run `ocr-pipeline broker declare`") from error
        except AccessRefused as error:
            raise QueueUnavailable("the broker does not allow this user what was asked of it") from error
        except MessageNacked as error:
            raise QueueUnavailable("the broker refused the message: the lane is full") from error
        except BROKER_ERRORS as error:
            raise QueueUnavailable("the broker does not answer or did not confirm") from error

    def close(self) -> None:
        """Close the idle links."""
        while (link := self._take_idle()) is not None:
            link.close()

    def _run(self, link: Link, action: Callable[[Link], Result]) -> Result:
        try:
            result = action(link)
        except BROKER_ERRORS:
            link.close()
            raise
        if self._idle.full():
            link.close()
        else:
            self._idle.put(link)
        return result

    def _take_idle(self) -> Link | None:
        try:
            return self._idle.get_nowait()
        except Empty:
            return None
