"""Notes of erasures, kept in the object store apart from the records, so that no older backup of these undoes one.

A note names a document and when it was erased, and proves under the pipeline's own key that it was written here: who
can write into the store cannot have documents erased. Notes are added and never changed or removed.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ocr_pipeline.domain.audit import canonical_moment
from ocr_pipeline.domain.errors import IntegrityError, ObjectExists
from ocr_pipeline.domain.ids import ERASURE_NOTES, ClientId, DocumentId, erasure_note_key
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.vault import Vault

_NOBODY = ClientId("/erasures")
"""No client is called so: the key that proves notes is nobody else's."""


@dataclass(frozen=True, slots=True)
class ErasureNote:
    """A document that was erased, and when."""

    document_id: DocumentId
    erased_at: datetime


class ErasureNotes:
    """The notes of all erasures. Safe between threads and processes."""

    def __init__(self, store: ObjectStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    def write(self, note: ErasureNote) -> bool:
        """Keep a note; False where the document has one. Raises StoreUnavailable, StoreFull, KeyUnavailable."""
        said = {"document": str(note.document_id), "erased_at": canonical_moment(note.erased_at)}
        content = json.dumps({**said, "proof": self._proof(said).hex()}).encode()
        try:
            self._store.put(erasure_note_key(note.document_id), content, if_absent=True)
        except ObjectExists:
            return False
        return True

    def documents(self) -> Iterator[DocumentId]:
        """Every document that has a note, oldest first. Raises StoreUnavailable."""
        for key in self._store.keys(ERASURE_NOTES):
            try:
                yield DocumentId(UUID(key.removeprefix(ERASURE_NOTES)))
            except ValueError:
                continue  # not of our making

    def read(self, document_id: DocumentId) -> ErasureNote:
        """The note of a document. Raises IntegrityError for one that was not written here, ObjectMissing."""
        try:
            content = json.loads(self._store.get(erasure_note_key(document_id)))
            said = {name: str(content[name]) for name in ("document", "erased_at")}
            proof, erased_at = bytes.fromhex(content["proof"]), datetime.fromisoformat(said["erased_at"])
        except (ValueError, KeyError, TypeError):
            raise IntegrityError("a note of an erasure is damaged") from None
        if said["document"] != str(document_id) or not hmac.compare_digest(proof, self._proof(said)):
            raise IntegrityError("a note of an erasure was not written by this pipeline")
        return ErasureNote(document_id, erased_at)

    def _proof(self, said: dict[str, str]) -> bytes:
        return self._vault.fingerprint(_NOBODY, f"erasure note\n{said['document']}\n{said['erased_at']}".encode())
