"""Where events come from: a queue, or what was received over HTTP and is held in the database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ocr_pipeline.domain.triggers import EventId


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of a source, in hand until it is done or put back.

    `source` is the configured name it came by, `attempt` how often it was handed out, this time included. `handle` is
    the source's own; `id` is the same at every delivery where the source can tell.
    """

    id: EventId
    source: str
    body: bytes = field(repr=False)
    attempt: int
    handle: object = field(repr=False)


class EventSource(Protocol):
    """A source of messages that come at least once and in any order. Used by one thread.

    Every method raises QueueUnavailable or DatabaseUnavailable when the source does not answer; what was in hand then
    comes again.
    """

    @property
    def name(self) -> str:
        """What operators call it."""
        ...

    def receive(self, most: int, wait: float) -> list[Letter]:
        """Up to so many messages; where there is none yet, wait for one for so many seconds."""
        ...

    def keep(self, letters: list[Letter]) -> None:
        """Say that these are still being worked on, so that nobody else gets them."""
        ...

    def done(self, letters: list[Letter]) -> None:
        """Never deliver these again."""
        ...

    def put_back(self, letter: Letter, seconds: float) -> None:
        """Deliver it again, after so many seconds where the source can wait that long."""
        ...

    def close(self) -> None:
        """Let go; what is in hand comes again."""
        ...
