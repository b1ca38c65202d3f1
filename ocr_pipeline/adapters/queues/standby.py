"""The embedded queue as seen by a process that may or may not be the one at work."""

from __future__ import annotations

from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.messages import IntakeTask, RecognitionTask, Report
from ocr_pipeline.ports.queues import WorkQueue


class StandbyQueue:
    """Passes work to the queue attached to it; with none attached it refuses.

    What is refused stays marked as unsent in Postgres, where the process that is at work finds it at its next sweep.
    """

    def __init__(self) -> None:
        self._queue: WorkQueue | None = None

    def attach(self, queue: WorkQueue) -> None:
        """Workers of this process stand behind `queue` from now on."""
        self._queue = queue

    def detach(self) -> None:
        """They no longer do."""
        self._queue = None

    def send_intake(self, task: IntakeTask) -> None:
        """Raises QueueUnavailable with no queue attached."""
        self._attached().send_intake(task)

    def send_recognition(self, task: RecognitionTask, *, quarantine: bool = False) -> None:
        """Raises QueueUnavailable with no queue attached."""
        self._attached().send_recognition(task, quarantine=quarantine)

    def send_report(self, report: Report) -> None:
        """Raises QueueUnavailable with no queue attached."""
        self._attached().send_report(report)

    def check(self) -> None:
        """Never raises: with no queue attached, Postgres keeps the work."""

    def depths(self) -> dict[str, int]:
        """Nothing is known of lanes here: with no broker, what waits is in Postgres."""
        return {}

    def check_recognition(self) -> None:
        """Never raises: whether pages can be read is for the process at work to say."""

    def _attached(self) -> WorkQueue:
        if self._queue is None:
            raise QueueUnavailable("no worker runs in this process")
        return self._queue
