"""Cancelling a document: no work is begun on it any more; what was read of it stays until it is erased."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.review import Resolution
from ocr_pipeline.flow.settle import move
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork


class CancelDocument:
    """Cancels one document at a time. Safe between threads and processes.

    Messages already under way are not called back: a stage that gets to one finds the document cancelled, and a report
    that comes late changes nothing.
    """

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def __call__(self, document_id: DocumentId, *, actor: str) -> bool:
        """Cancel a document; False where it was cancelled before, and nothing happens.

        Open review items are withdrawn, whoever holds them. Raises NotFound, and Conflict for a document that is
        settled in another way.
        """
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.state is DocumentState.CANCELLED:
                return False
            document.check_transition(DocumentState.CANCELLED)
            now = self._clock.now()
            withdrawn = _withdraw_reviews(uow, document_id, at=now, actor=actor)
            details = (("withdrawn_reviews", withdrawn),)
            uow.audit.append(AuditEntry(document_id, AuditKind.DOCUMENT_CANCELLED, now, actor, details=details))
            move(uow, document, DocumentState.CANCELLED, at=now, actor=actor)
            uow.commit()
        return True


def _withdraw_reviews(uow: UnitOfWork, document_id: DocumentId, *, at: datetime, actor: str) -> int:
    waiting = [item for item in uow.reviews.of_document(document_id) if item.is_open]
    for item in waiting:
        uow.reviews.save(replace(item, lease=None, resolution=Resolution.WITHDRAWN, resolved_at=at, resolved_by=actor))
    return len(waiting)
