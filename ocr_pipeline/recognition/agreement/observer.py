"""Who is told what comes of cross-checks: counters, in production."""

from __future__ import annotations

from enum import StrEnum

from ocr_pipeline.recognition.agreement.agreement import Agreement


class Outcome(StrEnum):
    """What became of the check of one page."""

    CHECKED = "checked"
    SKIPPED = "skipped"
    BUSY = "busy"
    LATE = "late"
    FAILED = "failed"


class CrossCheckObserver:
    """Told of every page and every failure of the second reader, on any thread. Does nothing; made to be extended."""

    def settled(self, outcome: Outcome, agreement: Agreement | None) -> None:
        """A page was read. `agreement` is there when it was checked."""

    def second_reader_failed(self, kind: str) -> None:
        """The second reader failed on a page, abandoned or not; `kind` is an error's code, or the name of its class."""
