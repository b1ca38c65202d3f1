"""Key rotation: every data key of a document or bulk run is wrapped anew under the current key; objects stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.bulk import run_owner
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault

_ALL = 1_000_000
"""More bulk runs than anybody has."""


@dataclass(frozen=True, slots=True)
class RewrapStep:
    """One document seen; `rewrapped` is False where nothing was to do (current already, or erased)."""

    document_id: DocumentId
    rewrapped: bool


class RewrapKeys:
    """Walks over all documents. Stopping and starting again continues where it is needed."""

    def __init__(self, records: Records, vault: Vault, clock: Clock, batch: int = 500) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock
        self._batch = batch

    def __call__(self, *, actor: str) -> Iterator[RewrapStep]:
        """Rewrap, one transaction a document, telling each step; the keys of bulk runs go first, untold."""
        self._rewrap_runs()
        after: DocumentId | None = None
        while True:
            with self._records() as uow:
                documents = uow.documents.find(limit=self._batch, after=after)
            for document in documents:
                stale = document.key is not None and not self._vault.is_current(document.key)
                yield RewrapStep(document.id, stale and self._rewrap(document.id, actor))
            if len(documents) < self._batch:
                return
            after = documents[-1].id

    def _rewrap_runs(self) -> None:
        with self._records() as uow:
            stale = [run.id for run in uow.bulk_runs.find(limit=_ALL) if not self._vault.is_current(run.key)]
        for run_id in stale:
            with self._records() as uow:
                run = uow.bulk_runs.lock(run_id)
                uow.bulk_runs.save(replace(run, key=self._vault.rewrap(run.key, run_owner(run_id))))
                uow.commit()

    def _rewrap(self, document_id: DocumentId, actor: str) -> bool:
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.key is None or self._vault.is_current(document.key):
                return False
            key = self._vault.rewrap(document.key, document_id)
            uow.documents.save(replace(document, key=key))
            uow.audit.append(
                AuditEntry(
                    document_id,
                    AuditKind.KEY_REWRAPPED,
                    self._clock.now(),
                    actor,
                    details=(("from", document.key.key_id), ("to", key.key_id)),
                )
            )
            uow.commit()
        return True
