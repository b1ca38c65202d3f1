"""The files that results are written as beside the objects that they came from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.ids import DocumentId, page_key
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.triggers import ResultFile
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.results.read import DocumentResult, PageResult, ReadDocument
from ocr_pipeline.results.render import to_json, to_text

if TYPE_CHECKING:
    from ocr_pipeline.adapters.documents.searchable_pdf import PdfLine, PdfPage

_ACTOR = "trigger:output"
_QUARTER = 90


class ReadResultFiles:
    """The `ResultFiles` port: text, JSON and a searchable PDF, of one reading."""

    def __init__(
        self, records: Records, read: ReadDocument, store: ObjectStore, vault: Vault, forms: Collection[str]
    ) -> None:
        self._records = records
        self._read = read
        self._store = store
        self._vault = vault
        self._forms = frozenset(forms)
        self._mupdf = Lock()

    def __call__(self, document_id: DocumentId) -> Sequence[ResultFile]:
        """The wanted forms, none of them without a reading. Raises as `ReadDocument` does, PageUnreadable."""
        if not self._forms:
            return []
        result = self._read(document_id, actor=_ACTOR)
        files = []
        if "text" in self._forms:
            files.append(ResultFile(".txt", "text/plain; charset=utf-8", to_text(result).encode()))
        if "json" in self._forms:
            files.append(ResultFile(".json", "application/json", to_json(result).encode()))
        if "pdf" in self._forms and result.pages:
            files.append(ResultFile(".pdf", "application/pdf", self._pdf(result)))
        return files

    def _pdf(self, result: DocumentResult) -> bytes:
        from ocr_pipeline.adapters.documents.searchable_pdf import searchable_pdf

        with self._records() as uow:
            pages = {page.ref.number: page for page in uow.pages.of_document(result.document.id)}
        with self._mupdf:
            return searchable_pdf(self._sheet(result.document, pages[page.number], page) for page in result.pages)

    def _sheet(self, document: Document, page: Page, read: PageResult) -> PdfPage:
        from ocr_pipeline.adapters.documents.searchable_pdf import PdfPage

        rotation = 0 if read.read is None else read.read.rotation
        sideways = rotation % (2 * _QUARTER) == _QUARTER
        width, height = (page.height, page.width) if sideways else (page.width, page.height)
        return PdfPage(
            self._image(document, page), width, height, _lines(read), dpi=page.dpi, rotation=rotation % (4 * _QUARTER)
        )

    def _image(self, document: Document, page: Page) -> bytes | None:
        if not page.media_type:
            return None
        sealed = self._store.get(page_key(page.ref))
        return self._vault.open(document.usable_key(), Place.of(page.ref, Purpose.PAGE_IMAGE), sealed)


def _lines(read: PageResult) -> list[PdfLine]:
    """What was read, where it stands; what a person wrote instead has no place and goes from top to bottom."""
    from ocr_pipeline.adapters.documents.searchable_pdf import PdfLine

    if read.state is PageState.CORRECTED or read.read is None:
        return [PdfLine(line) for line in read.text.splitlines()]
    return [PdfLine(line.text, line.box) for line in read.read.lines if line.words]
