"""What Flower may ask a worker through the broker: questions, and no orders. Whoever gave one could stop them all."""

# ruff: noqa: ANN401 - Celery has no types

from __future__ import annotations

from typing import Any

from celery.app.control import Control
from celery.app.control import Mailbox as CeleryMailbox

from ocr_pipeline.bootstrap.adapters import topology

_ANSWERED = frozenset(
    {"ping", "stats", "conf", "active", "active_queues", "registered", "reserved", "revoked", "scheduled"}
)


class Mailbox(CeleryMailbox):  # type: ignore[misc]
    """Celery's, where a worker knows no more than these questions, and answers into an exchange that others made."""

    def Node(  # noqa: N802 - Celery's name
        self,
        hostname: str | None = None,
        state: Any = None,
        channel: Any = None,
        handlers: Any = None,
    ) -> Any:
        """A worker's end."""
        answered = {name: answer for name, answer in (handlers or {}).items() if name in _ANSWERED}
        return super().Node(hostname, state, channel, answered)

    def _publish_reply(
        self,
        reply: Any,
        exchange: str,
        routing_key: str,
        ticket: str,
        channel: Any = None,
        **_: Any,
    ) -> None:
        # Celery's would make the exchange that the question names, whichever that is.
        del exchange
        with self.producer_or_acquire(None, channel or self.connection.default_channel) as producer:
            headers = {"ticket": ticket, "clock": self.clock.forward()}
            producer.publish(
                reply,
                exchange=self.reply_exchange,
                routing_key=routing_key,
                headers=headers,
                serializer=self.serializer,
                retry=True,
            )


class WorkerControl(Control):  # type: ignore[misc]
    """Celery's, over that mailbox."""

    Mailbox = Mailbox

    def __init__(self, app: Any = None) -> None:
        super().__init__(app)
        known = topology(app.process.settings)
        self.mailbox.exchange = known.questions()
        self.mailbox.reply_exchange = known.answers()
