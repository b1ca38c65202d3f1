"""Sending work on. Delivery is at least once; Postgres remembers what the broker may lose."""

from __future__ import annotations

from typing import Protocol

from ocr_pipeline.domain.messages import IntakeTask, RecognitionTask, Report


class WorkQueue(Protocol):
    """The lanes, as the stages see them. Safe between threads.

    Each call returns after the broker confirmed the message; raises QueueUnavailable otherwise.
    """

    def send_intake(self, task: IntakeTask) -> None:
        """Into the intake lane of the task's priority."""
        ...

    def send_recognition(self, task: RecognitionTask, *, quarantine: bool = False) -> None:
        """Into the recognition lane of the task's priority, or to the quarantine."""
        ...

    def send_report(self, report: Report) -> None:
        """To the results stage."""
        ...

    def check(self) -> None:
        """Prove that the broker answers. Raises QueueUnavailable."""
        ...
