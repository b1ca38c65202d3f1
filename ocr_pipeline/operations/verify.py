"""Verifying the audit trail: every document's chain is walked from its first event to the head the document keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocr_pipeline.domain.audit import ChainFault, verify
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
        """Check one chain after another. Raises NotFound for a document that is not there."""
        if document_id is not None:
            yield self._check(document_id)
            return
        with self._records() as uow:
            found = list(uow.audit.document_ids())
        for each in found:
            yield self._check(each)

    def _check(self, document_id: DocumentId) -> ChainCheck:
        with self._records() as uow:
            uow.documents.lock(document_id)
            head = uow.audit.head(document_id)
            events = list(uow.audit.events(document_id))
        return ChainCheck(document_id, len(events), verify(document_id, events, head))
