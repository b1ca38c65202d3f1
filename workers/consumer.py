"""How messages are taken from the broker: a bound for each lane, and no harm from what is not a message of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amqp.exceptions import ChannelError, NotFound, PreconditionFailed
from celery import bootsteps
from celery.worker.consumer import Consumer
from kombu.exceptions import ContentDisallowed, DecodeError

from ocr_pipeline import logs
from ocr_pipeline.bootstrap.adapters import topology
from ocr_pipeline.domain.errors import MalformedMessage

_log = logs.get(__name__)

_BODY_PARTS = 3
_LONGEST_SLEEP = 1.0
_USELESS_SECONDS = 2.0
_ADVICE = {
    PreconditionFailed: "a queue exists with other arguments: restore the broker settings, or drain and delete it",
    NotFound: "the broker lacks a queue: run `ocr-pipeline broker declare`",
}
_UNWANTED_STEPS = (
    # Nothing here has an ETA, and this step would declare 28 queues.
    "celery.worker.consumer.delayed_delivery:DelayedDelivery",
    # Workers do not gossip: what each does is in Postgres.
    "celery.worker.consumer.gossip:Gossip",
)


class CarefulConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, except that malformed messages become dead letters and their content is never logged."""

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The usual steps without those that this pipeline has no use for."""

        default_steps = [  # noqa: RUF012 - as in the class it extends
            step for step in Consumer.Blueprint.default_steps if step not in _UNWANTED_STEPS
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        # Another step asks for this one, so it can only be told to do nothing: it would ask all workers what they did.
        super().__init__(*args, **{**kwargs, "without_mingle": True})

    def connect(self) -> Any:  # noqa: ANN401
        """Connect, and make sure that every queue is there: the dead letters' too where workers make queues."""
        connection = super().connect()
        try:
            self._see_to_queues(connection)
        except ChannelError as error:
            _log.error(_ADVICE.get(type(error), "the broker does not allow this worker what it needs"))
            self._drop(connection)
            # Celery would connect again at once, and again.
            self.app.process.stopping.wait(_USELESS_SECONDS)
            raise
        return connection

    def _see_to_queues(self, connection: Any) -> None:  # noqa: ANN401
        channel = connection.channel()
        topology(self.app.process.settings).declare(channel)
        for name in self.app.amqp.queues.consume_from:
            channel.queue_declare(name, passive=True)
        channel.close()

    def _drop(self, connection: Any) -> None:  # noqa: ANN401
        """Close a connection that came to nothing, to which the event loop would go on listening."""
        if self.hub is not None:
            self.hub.remove(connection.connection.sock)
        connection.close()

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:  # noqa: ANN401
        """The usual handler, which only ever sees messages it can take."""
        handle = super().create_task_handler(*args, **kwargs)

        def handle_well_formed(message: Any) -> None:  # noqa: ANN401
            try:
                _check_form(message)
            except MalformedMessage:
                self._lay_aside(message)
            else:
                handle(message)

        return handle_well_formed

    def on_decode_error(self, message: Any, exc: Exception) -> None:  # noqa: ANN401
        """Not JSON."""
        del exc
        self._lay_aside(message)

    def on_unknown_message(self, body: object, message: Any) -> None:  # noqa: ANN401
        """Not a task."""
        del body
        self._lay_aside(message)

    def on_unknown_task(self, body: object, message: Any, exc: Exception) -> None:  # noqa: ANN401
        """A task of another version, or of someone else."""
        del body, exc
        self._lay_aside(message)

    def on_invalid_task(self, body: object, message: Any, exc: Exception) -> None:  # noqa: ANN401
        """A task with headers that make no sense."""
        del body, exc
        self._lay_aside(message)

    def _lay_aside(self, message: Any) -> None:  # noqa: ANN401
        queue = (message.delivery_info or {}).get("routing_key")
        _log.error("malformed message laid with the dead letters", code=MalformedMessage.code, queue=queue)
        message.reject_log_error(_log, self.connection_errors)


class Prefetch(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Bounds each lane by itself: a backlog in one never takes the deliveries of another.

    Celery's own bound is one for all queues where the broker allows that, so it is switched off.
    """

    requires = {"celery.worker.consumer.tasks:Tasks"}  # noqa: RUF012 - as Celery's own steps do

    def __init__(self, consumer: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(consumer, **kwargs)
        consumer.initial_prefetch_count = 0

    def start(self, consumer: Any) -> None:  # noqa: ANN401
        """Between the making of the consumer and its first delivery, at every connection."""
        process = consumer.app.process
        consumer.task_consumer.qos(prefetch_count=process.prefetch, apply_global=False)
        process.lanes.attach(consumer)
        # Celery's loop notices a signal only when something wakes it, which may take ten seconds in a quiet worker.
        consumer.timer.call_repeatedly(_LONGEST_SLEEP, lambda: None)

    def stop(self, consumer: Any) -> None:  # noqa: ANN401
        """The connection ended: what waits at the gate now belongs to the broker again, and must not be read."""
        gate = consumer.app.process.gate
        if gate is not None:
            gate.turn_away()


def _check_form(message: Any) -> None:  # noqa: ANN401
    """Raise MalformedMessage for anything that is not a task with a name, an id and arguments."""
    headers = message.headers
    if not isinstance(headers, Mapping) or not all(isinstance(headers.get(name), str) for name in ("task", "id")):
        raise MalformedMessage("a message names its task and its id")
    try:
        body = message.payload
    except (DecodeError, ContentDisallowed, LookupError, TypeError, ValueError):
        raise MalformedMessage("a message is JSON") from None
    if not (
        isinstance(body, list)
        and len(body) == _BODY_PARTS
        and isinstance(body[0], list)
        and isinstance(body[1], dict)
        and isinstance(body[2], dict)
    ):
        raise MalformedMessage("a message carries arguments")
