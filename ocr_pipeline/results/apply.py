"""Applying a worker's report: one transaction an outcome, and the only place that decides what follows a failure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from ocr_pipeline.domain.audit import AuditEntry, AuditKind, Detail
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ReviewId
from ocr_pipeline.domain.messages import PageFailed, PageRead, PageRedelivered, Report
from ocr_pipeline.domain.pages import TRUSTED_STATES, Page, PageReason, PageState
from ocr_pipeline.domain.retries import Retry, RetryRules, decide, final_state, give_up
from ocr_pipeline.domain.review import ReviewItem
from ocr_pipeline.domain.verdicts import VerdictRules, judge
from ocr_pipeline.flow.dispatch import Dispatch, Dispatcher, Outbox
from ocr_pipeline.flow.observer import FlowObserver
from ocr_pipeline.flow.settle import settle
from ocr_pipeline.ports.clock import Clock, Ids
from ocr_pipeline.ports.known_pages import KnownPage
from ocr_pipeline.ports.records import Records, UnitOfWork

ACTOR = "results"

_AUDIT_KIND = {
    PageState.ACCEPTED: AuditKind.PAGE_ACCEPTED,
    PageState.BLANK: AuditKind.PAGE_BLANK,
    PageState.IN_REVIEW: AuditKind.PAGE_IN_REVIEW,
    PageState.FAILED: AuditKind.PAGE_FAILED,
}


class Applied(StrEnum):
    """What a report did."""

    SETTLED = "settled"
    RETRIED = "retried"
    SUSPECTED = "suspected"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class _Step:
    """One report being applied: the locked document, its page and the transaction they live in."""

    uow: UnitOfWork
    document: Document
    page: Page
    now: datetime
    outbox: Outbox

    def record(self, kind: AuditKind, **details: Detail) -> None:
        self.uow.audit.append(
            AuditEntry(self.document.id, kind, self.now, ACTOR, self.page.ref.number, tuple(details.items()))
        )

    def save(self, page: Page) -> None:
        self.uow.pages.save(page)
        self.page = page


class ApplyReport:
    """Applies reports, each exactly once however often it arrives. Safe between threads and processes.

    With `remember`, a page whose reading stands without a person is known from then on by its image.
    """

    def __init__(
        self,
        records: Records,
        dispatcher: Dispatcher,
        clock: Clock,
        ids: Ids,
        verdicts: VerdictRules,
        retries: RetryRules,
        *,
        remember: bool = False,
        observer: FlowObserver | None = None,
    ) -> None:
        self._records = records
        self._dispatcher = dispatcher
        self._clock = clock
        self._ids = ids
        self._verdicts = verdicts
        self._retries = retries
        self._remember = remember
        self._observer = observer or FlowObserver()

    def __call__(self, report: Report) -> Applied:
        """Apply a report. Raises DatabaseUnavailable; the message must then be delivered again."""
        outbox = Outbox()
        with self._records() as uow:
            try:
                document = uow.documents.lock(report.page.document_id)
                page = uow.pages.get(report.page)
            except NotFound:
                return Applied.UNKNOWN
            if not _awaits(document, page, report):
                return Applied.DUPLICATE
            step = _Step(uow, document, page, self._clock.now(), outbox)
            applied = self._apply(step, report)
            settled = settle(uow, document, at=step.now, actor=ACTOR)
            uow.commit()
        self._tell(report, step.page)
        self._observer.moved(document, settled)
        self._dispatcher.send(outbox)
        return applied

    def _tell(self, report: Report, page: Page) -> None:
        if isinstance(report, PageFailed):
            self._observer.reading_failed(report.failure.code)
        if page.state is not PageState.QUEUED:
            self._observer.page_settled(page.state, page.confidence)

    def _apply(self, step: _Step, report: Report) -> Applied:
        match report:
            case PageRead():
                return self._read(step, report)
            case PageFailed():
                return self._failed(step, report)
            case PageRedelivered():
                return self._redelivered(step)
            case _:
                assert_never(report)

    def _read(self, step: _Step, report: PageRead) -> Applied:
        verdict = judge(report.confidence, blank=report.blank, reasons=report.reasons, rules=self._verdicts)
        page = replace(
            step.page,
            confidence=report.confidence,
            engine=report.engine,
            seconds=report.seconds,
            text=report.text,
        )
        self._settle_page(step, page, verdict.state, verdict.reasons)
        if self._remember and verdict.state in TRUSTED_STATES:
            _make_known(step, report.configuration)
        return Applied.SETTLED

    def _failed(self, step: _Step, report: PageFailed) -> Applied:
        decision = decide(report.failure, step.page.attempt, self._retries)
        if isinstance(decision, Retry):
            self._retry(step, decision, report.failure.code)
            return Applied.RETRIED
        self._settle_page(step, step.page, final_state(decision), decision.reasons)
        return Applied.SETTLED

    def _redelivered(self, step: _Step) -> Applied:
        """A redelivery is a suspicion, not a failure: the page runs afresh, alone once it was suspected too often."""
        if step.page.quarantined:
            decision = give_up((PageReason.KILLS_WORKER.value,), self._retries)
            self._settle_page(step, step.page, final_state(decision), decision.reasons)
            return Applied.SETTLED
        suspicions = step.page.suspicions + 1
        quarantined = suspicions >= self._retries.max_suspicions
        page = replace(
            step.page,
            suspicions=suspicions,
            quarantined=quarantined,
            dispatch=step.page.dispatch + 1,
            dispatched_at=step.now,
            updated_at=step.now,
        )
        step.save(page)
        kind = AuditKind.PAGE_QUARANTINED if quarantined else AuditKind.PAGE_SUSPECTED
        step.record(kind, suspicions=suspicions, dispatch=page.dispatch)
        step.outbox.pages.append(Dispatch.of(step.document, page))
        return Applied.SUSPECTED

    def _retry(self, step: _Step, retry: Retry, code: str) -> None:
        """Postgres keeps the delay: `reconcile` sends the page once `not_before` has passed."""
        page = replace(
            step.page,
            attempt=retry.attempt,
            dispatch=step.page.dispatch + 1,
            dispatched_at=None,
            not_before=step.now + retry.delay,
            updated_at=step.now,
        )
        step.save(page)
        step.record(AuditKind.PAGE_RETRY, error=code, attempt=page.attempt, delay_seconds=retry.delay.total_seconds())

    def _settle_page(self, step: _Step, page: Page, state: PageState, reasons: tuple[str, ...]) -> None:
        page.check_transition(state)
        step.save(replace(page, state=state, reasons=reasons, updated_at=step.now, not_before=None))
        step.record(
            _AUDIT_KIND[state],
            attempt=page.attempt,
            confidence=None if page.confidence is None else round(page.confidence, 4),
            engine=page.engine,
            reasons=list(reasons),
        )
        if state is PageState.IN_REVIEW:
            review_id = ReviewId(self._ids.new())
            step.uow.reviews.add(
                ReviewItem(review_id, page.ref, step.document.priority, reasons, page.confidence, step.now)
            )


def _make_known(step: _Step, configuration: str | None) -> None:
    """Remember a page by what intake says of its image, never by what a worker says."""
    if configuration is None or step.page.fingerprint is None:
        return
    step.uow.known_pages.add(
        KnownPage(step.document.client_id, step.page.fingerprint, configuration, step.page.ref, step.now)
    )


def _awaits(document: Document, page: Page, report: Report) -> bool:
    """Whether the page still waits for just this report."""
    if document.state not in {DocumentState.QUEUED, DocumentState.PROCESSING} or page.state is not PageState.QUEUED:
        return False
    if report.attempt != page.attempt:
        return False
    # A redelivery or an outage speaks of one message only; a result speaks of the page, whichever message led to it.
    speaks_of_message = isinstance(report, PageRedelivered) or (
        isinstance(report, PageFailed) and not report.failure.counts_attempt
    )
    return not speaks_of_message or report.dispatch == page.dispatch
