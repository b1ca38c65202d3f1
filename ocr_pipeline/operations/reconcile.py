"""Putting back into the queues what should be there, from Postgres alone.

The broker may have been wiped, a worker may have died between commit and publish, a retry's delay may have passed:
each leaves a row whose message is missing, and all of them are found here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.messages import IntakeTask
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.flow.dispatch import Dispatch, Dispatcher, Outbox
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork

ACTOR = "reconcile"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many documents went back to intake and how many pages to recognition; `complete` unless the broker failed."""

    documents: int = 0
    pages: int = 0
    complete: bool = True


class Reconcile:
    """One sweep over unfinished work. Safe to run at any time and from several places at once."""

    def __init__(
        self, records: Records, dispatcher: Dispatcher, clock: Clock, stalled_after: timedelta, batch: int = 200
    ) -> None:
        self._records = records
        self._dispatcher = dispatcher
        self._clock = clock
        self._stalled_after = stalled_after
        self._batch = batch

    def __call__(self, *, lost_broker: bool = False) -> Reconciled:
        """Send what is due or stalled; with `lost_broker` everything unfinished, however fresh.

        A message sent twice is harmless: the page's outcome is applied once. Raises DatabaseUnavailable.
        """
        now = self._clock.now()
        cutoff = now if lost_broker else now - self._stalled_after
        documents, complete = self._documents(cutoff)
        pages = 0
        if complete:
            pages, complete = self._pages(now, cutoff)
        return Reconciled(documents, pages, complete)

    def _documents(self, cutoff: datetime) -> tuple[int, bool]:
        total = 0
        while True:
            with self._records() as uow:
                stalled = uow.documents.stalled(dispatched_before=cutoff, limit=self._batch)
            tasks = [task for document_id in stalled if (task := self._mark_document(document_id)) is not None]
            sent = self._dispatcher.send(Outbox(intake=tasks))
            total += sent
            if sent < len(tasks) or len(stalled) < self._batch:
                return total, sent == len(tasks)

    def _mark_document(self, document_id: DocumentId) -> IntakeTask | None:
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.state is not DocumentState.RECEIVED:
                return None
            uow.documents.save(replace(document, dispatched_at=self._clock.now()))
            uow.commit()
        return IntakeTask(document_id, document.priority)

    def _pages(self, now: datetime, cutoff: datetime) -> tuple[int, bool]:
        total = 0
        while True:
            with self._records() as uow:
                due = uow.pages.due(now=now, dispatched_before=cutoff, limit=self._batch)
            outbox = Outbox()
            for document_id, refs in groupby(due, key=lambda ref: ref.document_id):
                outbox.pages.extend(self._mark_pages(document_id, list(refs)))
            sent = self._dispatcher.send(outbox)
            total += sent
            if sent < len(outbox.pages) or len(due) < self._batch:
                return total, sent == len(outbox.pages)

    def _mark_pages(self, document_id: DocumentId, refs: Sequence[PageRef]) -> list[Dispatch]:
        found: list[Dispatch] = []
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.state not in {DocumentState.QUEUED, DocumentState.PROCESSING}:
                return found
            for ref in refs:
                page = uow.pages.get(ref)
                if page.state is PageState.QUEUED:
                    found.append(Dispatch.of(document, self._requeue(uow, document, page)))
            uow.commit()
        return found

    def _requeue(self, uow: UnitOfWork, document: Document, page: Page) -> Page:
        """Record a stalled page as requeued; a retry whose delay has passed was recorded when it was decided."""
        now = self._clock.now()
        stalled = page.dispatched_at is not None
        requeued = replace(page, dispatch=page.dispatch + 1, dispatched_at=now, not_before=None)
        uow.pages.save(requeued)
        if stalled:
            details = (("dispatch", requeued.dispatch),)
            uow.audit.append(AuditEntry(document.id, AuditKind.PAGE_REQUEUED, now, ACTOR, page.ref.number, details))
        return requeued
