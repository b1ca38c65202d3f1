"""Sending committed work on, and remembering what the broker would not take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.messages import IntakeTask, RecognitionTask
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.ports.queues import WorkQueue
from ocr_pipeline.ports.records import Records, UnitOfWork


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One page to send, as it was committed."""

    task: RecognitionTask
    quarantine: bool = False

    @classmethod
    def of(cls, document: Document, page: Page) -> Dispatch:
        """The dispatch of a page as it stands. Raises KeyMissing when the document was erased."""
        return cls(RecognitionTask.of(document, page), page.quarantined)


@dataclass(slots=True)
class Outbox:
    """What a unit of work wants sent once it is committed."""

    intake: list[IntakeTask] = field(default_factory=list)
    pages: list[Dispatch] = field(default_factory=list)


class Dispatcher:
    """Sends an outbox after its commit.

    A row is marked as dispatched in the transaction that decides it. Where the broker then refuses the message, the
    mark is taken back, so that `reconcile` sends it at its next sweep; should the process die in between, the mark
    grows old and `reconcile` finds it stalled. Nothing is lost either way.
    """

    def __init__(self, queue: WorkQueue, records: Records) -> None:
        self._queue = queue
        self._records = records

    def send(self, outbox: Outbox) -> int:
        """Send everything; returns how many messages the broker took. Raises DatabaseUnavailable."""
        sent = 0
        try:
            for task in outbox.intake:
                self._queue.send_intake(task)
                sent += 1
            for dispatch in outbox.pages:
                self._queue.send_recognition(dispatch.task, quarantine=dispatch.quarantine)
                sent += 1
        except QueueUnavailable:
            taken_from_pages = max(sent - len(outbox.intake), 0)
            self._take_back(outbox.intake[sent:], outbox.pages[taken_from_pages:])
        return sent

    def check(self) -> None:
        """Prove that work can be sent. Raises QueueUnavailable."""
        self._queue.check()

    def _take_back(self, intake: Sequence[IntakeTask], pages: Sequence[Dispatch]) -> None:
        for document_id in {task.document_id for task in intake}:
            with self._records() as uow:
                document = uow.documents.lock(document_id)
                uow.documents.save(replace(document, dispatched_at=None))
                uow.commit()
        by_document: dict[DocumentId, list[tuple[PageRef, int]]] = {}
        for dispatch in pages:
            page = dispatch.task.page
            by_document.setdefault(page.document_id, []).append((page, dispatch.task.dispatch))
        for document_id, unsent in by_document.items():
            with self._records() as uow:
                uow.documents.lock(document_id)
                for ref, number in unsent:
                    self._forget(uow, ref, number)
                uow.commit()

    @staticmethod
    def _forget(uow: UnitOfWork, ref: PageRef, number: int) -> None:
        page = uow.pages.get(ref)
        if page.state is PageState.QUEUED and page.dispatch == number:
            uow.pages.save(replace(page, dispatched_at=None))
