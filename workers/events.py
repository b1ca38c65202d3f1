"""What workers say of themselves, for Flower, without the right to make anything in the broker."""

from __future__ import annotations

from typing import Any

from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher

from ocr_pipeline.bootstrap.adapters import topology


class KnownExchangeDispatcher(EventDispatcher):  # type: ignore[misc]  # Celery has no types
    """Celery's dispatcher, which declares its exchange before each event, with an exchange that knows who makes it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.exchange = topology(self.app.process.settings).events()


class WorkerEvents(Events):  # type: ignore[misc]
    """Celery's, with that dispatcher."""

    dispatcher_cls = "workers.events:KnownExchangeDispatcher"
