"""Giving out what a document says: every page with its state, confidence and final text. Reading is audited."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.review import ReviewItem
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.flow.sealed import open_page_text
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class PageResult:
    """One page as given out. `text` is the person's correction where there is one, else what the machine read."""

    number: int
    state: PageState
    confidence: float | None
    reasons: tuple[str, ...]
    engine: str | None
    text: str
    read: PageText | None
    text_layer: str | None


@dataclass(frozen=True, slots=True)
class DocumentResult:
    """A document with its opened name, the client's own reference for it, and its pages."""

    document: Document
    name: str
    pages: tuple[PageResult, ...]
    reference: str | None = None


class ReadDocument:
    """Opens the results of a document for somebody who may see them."""

    def __init__(self, records: Records, vault: Vault, clock: Clock) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock

    def __call__(self, document_id: DocumentId, *, actor: str) -> DocumentResult:
        """The document as it stands now, whatever its state. Raises NotFound, KeyMissing once it was erased."""
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            pages = uow.pages.of_document(document_id)
            items = {item.page.number: item for item in uow.reviews.of_document(document_id)}
            key = document.usable_key()
            uow.audit.append(AuditEntry(document_id, AuditKind.DOCUMENT_READ, self._clock.now(), actor))
            uow.commit()

        def opened(purpose: Purpose, sealed: bytes) -> str:
            return self._vault.open(key, Place(document_id, purpose), sealed).decode()

        return DocumentResult(
            document,
            opened(Purpose.NAME, b"" if document.name is None else document.name),
            tuple(self._page(key, page, items.get(page.ref.number)) for page in pages),
            None if document.reference is None else opened(Purpose.REFERENCE, document.reference),
        )

    def _page(self, key: WrappedKey, page: Page, item: ReviewItem | None) -> PageResult:
        read = None
        if page.text is not None:
            read = open_page_text(self._vault, key, page.ref, page.text)
        layer = None
        if page.text_layer is not None:
            layer = self._vault.open(key, Place.of(page.ref, Purpose.TEXT_LAYER), page.text_layer).decode()
        if page.state is PageState.CORRECTED and item is not None and item.correction is not None:
            text = self._vault.open(key, Place.of(page.ref, Purpose.CORRECTION), item.correction).decode()
        else:
            text = "" if read is None else read.text
        return PageResult(page.ref.number, page.state, page.confidence, page.reasons, page.engine, text, read, layer)
