"""Verifying the audit trail: every document's chain is walked from its first event to the head the document keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocr_pipeline.domain.audit import AuditEvent, ChainFault, verify
from ocr_pipeline.domain.errors import IntegrityError, NotFound
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.ports.records import Records


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """One chain: how many events it has, and where it breaks if it does."""

    document_id: DocumentId
    events: int
    fault: ChainFault | None


class VerifyAudit:
    """Walks the chains of all documents, or of one."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def __call__(self, document_id: DocumentId | None = None) -> Iterator[ChainCheck]:
        """Check one chain after another. Raises NotFound for a document that was never there."""
        with self._records() as uow:
            known = list(uow.audit.document_ids())
        if document_id is None:
            yield from map(self._check, known)
        elif document_id in known:
            yield self._check(document_id)
        else:
            raise NotFound("there is no document with that id")

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
