"""Erasing a document: its key and its text go, so that nothing left anywhere can be opened; its audit trail stays."""

from __future__ import annotations

from dataclasses import replace

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import DocumentId, document_prefix
from ocr_pipeline.domain.review import Resolution
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records


class EraseDocument:
    """Erases one document at a time."""

    def __init__(self, records: Records, store: ObjectStore, clock: Clock) -> None:
        self._records = records
        self._store = store
        self._clock = clock

    def __call__(self, document_id: DocumentId, *, actor: str) -> int:
        """Erase a document; returns how many objects were removed. Raises NotFound.

        Once the transaction is through the document cannot be opened any more. Should the object store fail after
        that, the ciphertext left behind is worthless, and erasing again removes it.
        """
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.state is not DocumentState.ERASED:
                document.check_transition(DocumentState.ERASED)
                now = self._clock.now()
                uow.documents.save(
                    replace(
                        document,
                        state=DocumentState.ERASED,
                        key=None,
                        name=None,
                        reference=None,
                        callback=None,
                        updated_at=now,
                    )
                )
                uow.known_pages.forget(document_id)
                uow.bulk_items.forget_names(document_id)
                for page in uow.pages.of_document(document_id):
                    uow.pages.save(replace(page, text=None, text_layer=None, fingerprint=None, updated_at=now))
                for item in uow.reviews.of_document(document_id):
                    resolution = item.resolution or Resolution.WITHDRAWN
                    uow.reviews.save(
                        replace(
                            item,
                            correction=None,
                            lease=None,
                            resolution=resolution,
                            resolved_at=item.resolved_at or now,
                            resolved_by=item.resolved_by or actor,
                        )
                    )
                uow.audit.append(AuditEntry(document_id, AuditKind.DOCUMENT_ERASED, now, actor))
                uow.commit()
        return self._store.delete_prefix(document_prefix(document_id))
