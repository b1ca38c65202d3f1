"""Who is told what becomes of pages and documents: counters, in production. Told after the fact is durable."""

from __future__ import annotations

from ocr_pipeline.domain.documents import SETTLED_STATES, Document
from ocr_pipeline.domain.pages import PageState


class FlowObserver:
    """Told by intake and results. Does nothing; made to be extended. Nothing it is told is of a document's content."""

    def refused(self, code: str) -> None:
        """Intake refused a document."""

    def reading_failed(self, code: str) -> None:
        """A reading of a page failed, whatever follows from that."""

    def page_settled(self, state: PageState, confidence: float | None) -> None:
        """No machine has work on a page any more."""

    def document_settled(self, document: Document, seconds: float) -> None:
        """No machine has work on a document any more, so many seconds after it was received."""

    def moved(self, before: Document, after: Document) -> None:
        """A document may have come to another state; `document_settled` is told where machines are done with it."""
        if before.state not in SETTLED_STATES and after.state in SETTLED_STATES:
            self.document_settled(after, (after.updated_at - after.received_at).total_seconds())
