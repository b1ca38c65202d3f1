"""After a restore: what was erased since the backup was made came back with it, and is erased again by its notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import IntegrityError, NotFound
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.operations.erase import EraseDocument
from ocr_pipeline.operations.erasure_notes import ErasureNote, ErasureNotes
from ocr_pipeline.ports.records import Records


@dataclass(frozen=True, slots=True)
class ErasedAgain:
    """One document that had come back; `refused` where its note is none of ours, and nothing was done."""

    document_id: DocumentId
    refused: bool = False


class EraseAgain:
    """Walks over all notes. What is erased is passed over, so it may be stopped, started again, and run at any time."""

    def __init__(self, records: Records, notes: ErasureNotes, erase: EraseDocument, batch: int = 500) -> None:
        self._records = records
        self._notes = notes
        self._erase = erase
        self._batch = batch

    def __call__(self, *, actor: str) -> Iterator[ErasedAgain]:
        """Erase every document that a note tells of and that is there, telling each.

        Raises StoreUnavailable, DatabaseUnavailable, KeyUnavailable.
        """
        noted = self._notes.documents()
        while some := list(islice(noted, self._batch)):
            with self._records() as uow:
                known = uow.progress(some)
            for document_id in some:
                if document_id in known and known[document_id].state is not DocumentState.ERASED:
                    yield self._again(document_id, actor)

    def note_all(self) -> int:
        """Write the notes that erased documents lack: those erased before there were any. How many there were."""
        written = 0
        after: DocumentId | None = None
        while True:
            with self._records() as uow:
                erased = uow.documents.find(states=[DocumentState.ERASED], limit=self._batch, after=after)
            written += sum(self._notes.write(ErasureNote(each.id, each.updated_at)) for each in erased)
            if len(erased) < self._batch:
                return written
            after = erased[-1].id

    def _again(self, document_id: DocumentId, actor: str) -> ErasedAgain:
        try:
            note = self._notes.read(document_id)
            self._erase(document_id, actor=actor, noted_at=note.erased_at)
        except (IntegrityError, NotFound):
            return ErasedAgain(document_id, refused=True)
        return ErasedAgain(document_id)
