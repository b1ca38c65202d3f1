"""Priority classes and the lanes they travel in."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

URGENT_WITHIN = timedelta(minutes=2)
ROUTINE_WITHIN = timedelta(hours=1)

FARTHEST_DEADLINE = timedelta(days=3_650)
"""No deadline lies further ahead: times at the end of the calendar cannot be moved to another zone, or read back."""


class Priority(IntEnum):
    """Who waits: the lower number goes first, from the front door to the engine."""

    URGENT = 0
    ROUTINE = 1
    BULK = 2

    @property
    def label(self) -> str:
        """The name used in queues, metrics and commands."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Priority:
        """The class of a label. Raises ValueError naming the known ones."""
        try:
            return cls[label.upper()]
        except KeyError:
            known = ", ".join(priority.label for priority in cls)
            raise ValueError(f"unknown priority; choose one of {known}") from None


def class_for(deadline: datetime | None, now: datetime, asked: Priority) -> Priority:
    """The class of a document that is needed by its deadline (both times with their zone): asked for, or higher.

    With at most two minutes left, or none, it is urgent; with at most an hour left it does not wait with bulk. A
    deadline never lowers what was asked.
    """
    if deadline is None:
        return asked
    left = deadline - now
    if left <= URGENT_WITHIN:
        return Priority.URGENT
    return min(asked, Priority.ROUTINE) if left <= ROUTINE_WITHIN else asked


def is_sensible(deadline: datetime, now: datetime) -> bool:
    """Whether a deadline (both times with their zone) is still to come, and within ten years."""
    return now < deadline < now + FARTHEST_DEADLINE


class Stage(StrEnum):
    """The stages a message can wait for."""

    INTAKE = "intake"
    RECOGNITION = "recognition"
    RESULTS = "results"


QUARANTINE = "recognition.quarantine"
"""The queue of pages suspected of killing workers, served by a process that runs one at a time."""


def lane(stage: Stage, priority: Priority) -> str:
    """The queue of a stage for a priority class; results have one queue for all."""
    if stage is Stage.RESULTS:
        return Stage.RESULTS.value
    return f"{stage.value}.{priority.label}"
