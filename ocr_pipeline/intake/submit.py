"""Taking in an upload: checked, fingerprinted, encrypted, recorded, sent to intake."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import Document, DocumentState, MediaType, RefusalReason
from ocr_pipeline.domain.errors import PipelineError, Refused
from ocr_pipeline.domain.ids import ClientId, DocumentId, original_key
from ocr_pipeline.domain.messages import IntakeTask
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.flow.dispatch import Dispatcher, Outbox
from ocr_pipeline.intake.sniff import sniff
from ocr_pipeline.ports.clock import Clock, Ids
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What the front door takes: bytes a file, and formats."""

    max_bytes: int = 20 * 1024 * 1024
    formats: Collection[MediaType] = field(default_factory=lambda: frozenset(MediaType))


@dataclass(frozen=True, slots=True)
class Upload:
    """One file as a client hands it in. `name` is PHI and is sealed before it is kept."""

    content: bytes
    name: str
    client_id: ClientId
    priority: Priority
    actor: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The document an upload became, or the earlier one it repeats."""

    document_id: DocumentId
    state: DocumentState
    duplicate: bool


class SubmitDocument:
    """Takes in one upload at a time. Safe between threads."""

    def __init__(
        self,
        records: Records,
        store: ObjectStore,
        vault: Vault,
        dispatcher: Dispatcher,
        clock: Clock,
        ids: Ids,
        limits: UploadLimits,
    ) -> None:
        self._records = records
        self._store = store
        self._vault = vault
        self._dispatcher = dispatcher
        self._clock = clock
        self._ids = ids
        self._limits = limits

    def __call__(self, upload: Upload, *, again: bool = False) -> Receipt:
        """Take in an upload; one that this client sent before gives the earlier document, unless `again`.

        Raises Refused for a file that may not enter, and what the store, the vault and the database raise; after any
        of them nothing of the upload is kept.
        """
        media_type = self._check(upload.content)
        fingerprint = self._vault.fingerprint(upload.client_id, upload.content)
        if not again and (known := self._known(upload.client_id, fingerprint)) is not None:
            return known
        document_id = DocumentId(self._ids.new())
        key = self._vault.new_key(document_id)
        self._keep_original(document_id, key, upload.content)
        try:
            receipt = self._record(upload, media_type, fingerprint, document_id, key, again=again)
        except PipelineError:
            self._store.delete(original_key(document_id))
            raise
        if receipt.duplicate:
            self._store.delete(original_key(document_id))
        else:
            self._dispatcher.send(Outbox(intake=[IntakeTask(document_id, upload.priority)]))
        return receipt

    def _check(self, content: bytes) -> MediaType:
        if len(content) > self._limits.max_bytes:
            raise Refused(
                RefusalReason.TOO_LARGE,
                f"the file has {len(content)} bytes; at most {self._limits.max_bytes} are taken",
                limit=f"max_file_bytes={self._limits.max_bytes}",
            )
        return sniff(content, self._limits.formats)

    def _known(self, client_id: ClientId, fingerprint: bytes) -> Receipt | None:
        with self._records() as uow:
            earlier = uow.documents.find_duplicate(client_id, fingerprint)
        return None if earlier is None else Receipt(earlier.id, earlier.state, duplicate=True)

    def _keep_original(self, document_id: DocumentId, key: WrappedKey, content: bytes) -> None:
        sealed = self._vault.seal(key, Place(document_id, Purpose.ORIGINAL), content)
        self._store.put(original_key(document_id), sealed, if_absent=True)

    def _record(
        self,
        upload: Upload,
        media_type: MediaType,
        fingerprint: bytes,
        document_id: DocumentId,
        key: WrappedKey,
        *,
        again: bool,
    ) -> Receipt:
        now = self._clock.now()
        document = Document(
            id=document_id,
            client_id=upload.client_id,
            priority=upload.priority,
            state=DocumentState.RECEIVED,
            received_at=now,
            updated_at=now,
            size=len(upload.content),
            fingerprint=fingerprint,
            media_type=media_type,
            name=self._vault.seal(key, Place(document_id, Purpose.NAME), upload.name.encode()),
            key=key,
            dispatched_at=now,
        )
        with self._records() as uow:
            earlier = uow.documents.find_duplicate(upload.client_id, fingerprint)
            if earlier is not None and not again:
                return Receipt(earlier.id, earlier.state, duplicate=True)
            uow.documents.add(document)
            uow.audit.append(
                AuditEntry(
                    document_id,
                    AuditKind.DOCUMENT_RECEIVED,
                    now,
                    upload.actor,
                    details=(
                        ("client", upload.client_id),
                        ("media_type", media_type.value),
                        ("priority", upload.priority.label),
                        ("size", document.size),
                    ),
                )
            )
            uow.commit()
        return Receipt(document_id, DocumentState.RECEIVED, duplicate=False)
