"""The figures that operators watch, counted over tables in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import fmean

from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.domain.audit import AuditEvent
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import ReviewItem
from ocr_pipeline.ports.figures import ARRIVALS, Backlog, EngineWork, Figures, Settled, Waiting

_LIVE = {DocumentState.QUEUED, DocumentState.PROCESSING}
_OPEN = (DocumentState.RECEIVED, *sorted(_LIVE), DocumentState.NEEDS_REVIEW)
_HOUR = timedelta(hours=1)


class MemoryFigures:
    """The `FiguresSource` port over in-memory records."""

    def __init__(self, records: MemoryRecords) -> None:
        self._records = records

    def __call__(self, *, now: datetime, day_began: datetime) -> Figures:
        """The figures in one consistent view. Raises DatabaseUnavailable while the records are switched off."""
        self._records.check()
        tables = self._records.tables
        with tables.mutex:
            documents = dict(tables.documents)
            pages = list(tables.pages.values())
            reviews = [row for row in tables.reviews.values() if row.is_open]
            events = list(tables.events.values())
        today = [document for document in documents.values() if document.received_at >= day_began]
        settled = [page for page in pages if page.state is not PageState.QUEUED and page.updated_at > now - _HOUR]
        return Figures(
            waiting={priority: _waiting(priority, documents, pages, now) for priority in Priority},
            arrived=_arrived(document for document in documents.values() if document.received_at >= now - ARRIVALS),
            open_documents=_counted(_OPEN, (document.state for document in documents.values())),
            today=_counted(DocumentState, (document.state for document in today)),
            pages_today=_pages_today({document.id: document for document in today}, pages),
            refusals=Counter(_refusals(today)),
            settled=Settled(
                *(sum(page.updated_at > now - timedelta(minutes=span) for page in settled) for span in (1, 5, 60))
            ),
            engines=_engines(settled),
            reviews={priority: _backlog(priority, reviews) for priority in Priority},
            audit_events=sum(event.entry.at >= day_began for event in events),
            last_audit_event=_last(events, min(day_began, now - _HOUR)),
        )


def _waiting(priority: Priority, documents: dict[DocumentId, Document], pages: list[Page], now: datetime) -> Waiting:
    of_class = [document for document in documents.values() if document.priority is priority]
    received = [document.received_at for document in of_class if document.state is DocumentState.RECEIVED]
    live = {document.id: document for document in of_class if document.state in _LIVE}
    queued = [page for page in pages if page.state is PageState.QUEUED and page.ref.document_id in live]
    return Waiting(
        documents=len(received),
        oldest_document=min(received, default=None),
        pages=len(queued),
        oldest_page=min((live[page.ref.document_id].received_at for page in queued), default=None),
        retrying=sum(page.attempt > 1 for page in queued),
        delayed=sum(page.not_before is not None and page.not_before > now for page in queued),
        quarantined=sum(page.quarantined for page in queued),
    )


def _arrived(documents: Iterable[Document]) -> dict[Priority, int]:
    many = dict.fromkeys(Priority, 0)
    for document in documents:
        many[document.priority] += 1 if document.page_count is None else document.page_count
    return many


def _counted(states: Iterable[DocumentState], found: Iterable[DocumentState]) -> dict[DocumentState, int]:
    many = Counter(found)
    return {state: many[state] for state in states}


def _pages_today(today: dict[DocumentId, Document], pages: list[Page]) -> dict[tuple[PageState, Priority], int]:
    many = Counter(
        (page.state, today[page.ref.document_id].priority) for page in pages if page.ref.document_id in today
    )
    return {(state, priority): many[state, priority] for state in PageState for priority in Priority}


def _refusals(today: list[Document]) -> Iterable[str]:
    return (
        document.reason
        for document in today
        if document.state is DocumentState.REJECTED and document.reason is not None
    )


def _engines(settled: list[Page]) -> list[EngineWork]:
    by_engine: dict[str, list[Page]] = defaultdict(list)
    for page in settled:
        if page.engine is not None:
            by_engine[page.engine].append(page)
    work = [
        EngineWork(
            engine,
            len(pages),
            _mean(page.seconds for page in pages),
            _mean(page.confidence for page in pages),
        )
        for engine, pages in by_engine.items()
    ]
    return sorted(work, key=lambda each: -each.pages)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _backlog(priority: Priority, reviews: list[ReviewItem]) -> Backlog:
    opened = [row.opened_at for row in reviews if row.priority is priority]
    return Backlog(len(opened), min(opened, default=None))


def _last(events: list[AuditEvent], since: datetime) -> datetime | None:
    return max((event.entry.at for event in events if event.entry.at >= since), default=None)
