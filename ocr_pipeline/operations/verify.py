"""Verifying the audit trail: every document's chain is walked from its first event to the head the document keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ocr_pipeline.domain.audit import AuditEvent, ChainFault, verify
from ocr_pipeline.domain.errors import IntegrityError, NotFound
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.ports.records import Records, UnitOfWork


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """One chain: how many events it has, and where it breaks if it does."""

    document_id: DocumentId
    events: int
    fault: ChainFault | None


class VerifyAudit:
    """Walks the chains of all documents, or of one. At most `batch` ids are held at a time."""

    def __init__(self, records: Records, batch: int = 500) -> None:
        self._records = records
        self._batch = batch

    def __call__(self, document_id: DocumentId | None = None) -> Iterator[ChainCheck]:
        """Check one chain after another. Raises NotFound for a document that was never there."""
        if document_id is None:
            yield from map(self._check, self._known())
        else:
            with self._records() as uow:
                if not _is_known(uow, document_id):
                    raise NotFound("there is no document with that id")
            yield self._check(document_id)

    def _known(self) -> Iterator[DocumentId]:
        """Every document. No unit of work is open while a chain is walked."""
        reached: DocumentId | None = None
        while True:
            with self._records() as uow:
                some = list(islice(uow.audit.document_ids(after=reached), self._batch))
            yield from some
            if len(some) < self._batch:
                return
            reached = some[-1]

    def _check(self, document_id: DocumentId) -> ChainCheck:
        events: list[AuditEvent] = []
        try:
            with self._records() as uow:
                uow.documents.lock(document_id)
                head = uow.audit.head(document_id)
                events.extend(uow.audit.events(document_id))
        except NotFound:
            return ChainCheck(document_id, 0, ChainFault(document_id, 0, "the document's own row is gone"))
        except IntegrityError:
            return ChainCheck(
                document_id, len(events), ChainFault(document_id, len(events) + 1, "the event cannot be read")
            )
        return ChainCheck(document_id, len(events), verify(document_id, events, head))


def _is_known(uow: UnitOfWork, document_id: DocumentId) -> bool:
    """Whether it has a row or an event."""
    return bool(uow.progress([document_id])) or any(True for _ in uow.audit.events(document_id))
