"""Events from a RabbitMQ queue, as MinIO and others publish them there."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from amqp import Channel, Message
from amqp.exceptions import NotFound
from kombu import Connection

from ocr_pipeline.adapters.queues.links import BROKER_ERRORS
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.triggers import EventId
from ocr_pipeline.ports.events import Letter


@dataclass(frozen=True, slots=True)
class AmqpQueue:
    """Which queue, and the exchange that it is bound to where the sender publishes to one.

    A queue that is there is taken as it is; a missing one is made durable.
    """

    name: str
    exchange: str = ""
    routing_key: str = ""


class AmqpEvents:
    """The `EventSource` port over one queue. `at_once` messages are in hand at most.

    A message that is put back stays in hand until its time, because RabbitMQ cannot give it back later; should this
    process end, the broker gives it to another at once.
    """

    def __init__(self, name: str, url: str, queue: AmqpQueue, *, at_once: int = 8, timeout: float = 10.0) -> None:
        self._name = name
        self._url = url
        self._queue = queue
        self._at_once = at_once
        self._timeout = timeout
        self._connection: Any = None
        self._channel: Channel | None = None
        self._arrived: deque[Letter] = deque()
        self._put_back: list[tuple[float, Letter]] = []

    @property
    def name(self) -> str:
        """As the settings have it."""
        return self._name

    def receive(self, most: int, wait: float) -> list[Letter]:
        """What has arrived, and what was put back and is due again. Raises QueueUnavailable."""
        with self._errors_mapped():
            self._consume()
            until = time.monotonic() + wait
            while not (letters := self._due(most)):
                left = self._patience(until)
                if left <= 0:
                    break
                self._drain(left)
        return letters

    def keep(self, letters: list[Letter]) -> None:
        """A message is this consumer's for as long as the connection lasts."""

    def done(self, letters: list[Letter]) -> None:
        """Acknowledge them. Raises QueueUnavailable."""
        with self._errors_mapped():
            for letter in letters:
                channel, tag = self._in_hand(letter)
                channel.basic_ack(tag)

    def put_back(self, letter: Letter, seconds: float) -> None:
        """Hand it out again after so many seconds."""
        with self._errors_mapped():
            self._in_hand(letter)  # one of a lost connection comes again by itself
            self._put_back.append((time.monotonic() + seconds, replace(letter, attempt=letter.attempt + 1)))

    def close(self) -> None:
        """Let go; what is in hand goes back to the queue."""
        connection, self._connection, self._channel = self._connection, None, None
        self._arrived.clear()
        self._put_back.clear()
        if connection is not None:
            try:
                connection.close()
            except BROKER_ERRORS:
                connection.collect()

    def _consume(self) -> None:
        if self._channel is not None:
            return
        options = {"read_timeout": self._timeout, "write_timeout": self._timeout}
        self._connection = Connection(self._url, connect_timeout=self._timeout, transport_options=options)
        self._connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, interval_max=0)
        self._declare()
        channel = self._connection.channel()
        channel.basic_qos(0, self._at_once, a_global=False)
        # Bodies are taken as they are: what a sender says of their encoding is its own word, and Kombu's consumer would
        # unpack what is called compressed, however large it becomes.
        channel.auto_decode = False
        channel.basic_consume(self._queue.name, callback=self._arrive)
        self._channel = channel

    def _declare(self) -> None:
        """See that the queue is there, and bound where it must be."""
        channel = self._connection.channel()
        try:
            channel.queue_declare(self._queue.name, passive=True)
        except NotFound:
            channel = self._connection.channel()
            arguments = {"x-queue-type": "quorum"}
            channel.queue_declare(self._queue.name, durable=True, auto_delete=False, arguments=arguments)
        if self._queue.exchange:
            channel.queue_bind(self._queue.name, self._queue.exchange, self._queue.routing_key)
        channel.close()

    def _arrive(self, message: Message) -> None:
        body = bytes(message.body) if message.body else b""
        self._arrived.append(Letter(EventId(uuid4()), self._name, body, _deliveries(message) + 1, handle=message))

    def _due(self, most: int) -> list[Letter]:
        now = time.monotonic()
        due = [letter for at, letter in self._put_back if at <= now][:most]
        self._put_back = [(at, letter) for at, letter in self._put_back if letter not in due]
        return [*due, *(self._arrived.popleft() for _ in range(min(most - len(due), len(self._arrived))))]

    def _patience(self, until: float) -> float:
        """Seconds to wait for a message: until then, or until one that was put back is due."""
        now = time.monotonic()
        soonest = min((at for at, _ in self._put_back), default=until)
        return min(until, max(soonest, now + 0.01)) - now if now < until else 0.0

    def _drain(self, seconds: float) -> None:
        try:
            self._connection.drain_events(timeout=seconds)
        except TimeoutError:
            return

    def _in_hand(self, letter: Letter) -> tuple[Channel, int]:
        """The channel and the tag that a message came by. Raises QueueUnavailable once that channel is gone."""
        message = letter.handle
        if not isinstance(message, Message) or self._channel is None or message.channel is not self._channel:
            raise QueueUnavailable("the connection that the event came by is gone; it comes again")
        return self._channel, message.delivery_tag

    @contextmanager
    def _errors_mapped(self) -> Iterator[None]:
        """The project's error; the connection is thrown away, since nobody knows what it still holds."""
        try:
            yield
        except BROKER_ERRORS:
            self.close()
            raise QueueUnavailable("the broker of the events does not answer") from None


def _deliveries(message: Message) -> int:
    """How often the broker delivered it before; of what it delivers for the first time a sender may say anything."""
    count = message.properties.get("application_headers", {}).get("x-delivery-count")
    return count if message.delivery_info["redelivered"] and isinstance(count, int) else 0
