"""Erasing a document: its key and its text go, so that nothing left anywhere can be opened; its audit trail stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ocr_pipeline.domain.audit import AuditEntry, AuditKind, canonical_moment
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.ids import DocumentId, document_prefix
from ocr_pipeline.domain.review import Resolution
from ocr_pipeline.flow.announce import fall_silent
from ocr_pipeline.operations.erasure_notes import ErasureNote, ErasureNotes
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records, UnitOfWork


class EraseDocument:
    """Erases one document at a time."""

    def __init__(self, records: Records, store: ObjectStore, notes: ErasureNotes, clock: Clock) -> None:
        self._records = records
        self._store = store
        self._notes = notes
        self._clock = clock

    def __call__(self, document_id: DocumentId, *, actor: str, noted_at: datetime | None = None) -> int:
        """Erase a document; returns how many objects were removed.

        `noted_at` is when it was erased before, where it came back with a backup. Raises NotFound, StoreUnavailable,
        StoreFull, KeyUnavailable, DatabaseUnavailable.

        A note of it is kept before the transaction ends, so that there is no erasure that a backup could undo. Once the
        transaction is through the document cannot be opened any more. Should the object store fail after that, the
        ciphertext left behind is worthless, and erasing again removes it.
        """
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.state is DocumentState.ERASED:
                self._notes.write(ErasureNote(document_id, document.updated_at))
            else:
                document.check_transition(DocumentState.ERASED)
                now = self._clock.now()
                self._notes.write(ErasureNote(document_id, now))
                _clear(uow, document, at=now, actor=actor)
                details = () if noted_at is None else (("erased_before", canonical_moment(noted_at)),)
                uow.audit.append(AuditEntry(document_id, AuditKind.DOCUMENT_ERASED, now, actor, details=details))
                uow.commit()
        return self._store.delete_prefix(document_prefix(document_id))


def _clear(uow: UnitOfWork, document: Document, *, at: datetime, actor: str) -> None:
    """Take the key and everything that was sealed under it out of the records."""
    uow.documents.save(
        replace(
            document,
            state=DocumentState.ERASED,
            key=None,
            name=None,
            reference=None,
            callback=None,
            updated_at=at,
        )
    )
    fall_silent(uow, document, at=at)
    uow.known_pages.forget(document.id)
    uow.bulk_items.forget_names(document.id)
    for page in uow.pages.of_document(document.id):
        uow.pages.save(replace(page, text=None, text_layer=None, fingerprint=None, updated_at=at))
    for item in uow.reviews.of_document(document.id):
        uow.reviews.save(
            replace(
                item,
                correction=None,
                lease=None,
                resolution=item.resolution or Resolution.WITHDRAWN,
                resolved_at=item.resolved_at or at,
                resolved_by=item.resolved_by or actor,
            )
        )
