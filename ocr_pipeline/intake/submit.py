"""Taking in a file: received, recorded, sent to intake; or found to be one that is here already."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.documents import Document, DocumentState, MediaType
from ocr_pipeline.domain.errors import IdempotencyMismatch
from ocr_pipeline.domain.ids import ClientId, DocumentId, original_key
from ocr_pipeline.domain.messages import IntakeTask
from ocr_pipeline.domain.priorities import Priority, class_for
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.flow.dispatch import Dispatcher, Outbox
from ocr_pipeline.intake.receive import Arrival, ArrivedFile, ArrivingFile
from ocr_pipeline.intake.requests import request_digest
from ocr_pipeline.ports.clock import Clock, Ids
from ocr_pipeline.ports.idempotency import Remembered
from ocr_pipeline.ports.objects import ObjectStore, ObjectWriter
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What the front door takes: bytes a file, and formats."""

    max_bytes: int = 20 * 1024 * 1024
    formats: Collection[MediaType] = field(default_factory=lambda: frozenset(MediaType))


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that is at hand whole. `name` is PHI and is sealed before it is kept."""

    content: bytes = field(repr=False)
    name: str = field(repr=False)
    client_id: ClientId
    priority: Priority
    actor: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The document that a file became, as it stood then.

    It is a `duplicate` when the document was there before, `repeated` when it was even the same request that made it.
    """

    document: Document
    duplicate: bool
    repeated: bool = False

    @property
    def document_id(self) -> DocumentId:
        """Of the document."""
        return self.document.id

    @property
    def state(self) -> DocumentState:
        """Of the document."""
        return self.document.state


@dataclass(frozen=True, slots=True)
class _Once:
    """The idempotency key of a request, and what tells it from other requests under the same key."""

    key: str
    digest: bytes


class Reception:
    """One file being received: its pieces, then `finish`. Used by one thread at a time."""

    def __init__(self, file: ArrivingFile, enter: Callable[[ArrivedFile], Receipt]) -> None:
        self._file = file
        self._enter = enter

    def write(self, chunk: bytes) -> None:
        """Take a piece of any size.

        Raises Refused as soon as the file is too large or of no accepted format, StoreFull, StoreUnavailable.
        """
        self._file.write(chunk)

    def finish(self) -> Receipt:
        """Take the file in, now that all of it is there.

        Raises Refused, IdempotencyMismatch for a key that belongs to another request, and what the store, the vault
        and the database raise.
        """
        return self._enter(self._file.finish())


class SubmitDocument:
    """Takes in files. Safe between threads."""

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
        """Take in a file at hand; one that this client sent before gives the earlier document, unless `again`.

        Raises as `Reception` does; after any error nothing of the upload is kept.
        """
        arrival = Arrival(upload.client_id, upload.name, upload.priority, upload.actor, again=again)
        with self.receiving(arrival, look_first=True) as reception:
            reception.write(upload.content)
            return reception.finish()

    @contextmanager
    def receiving(self, arrival: Arrival, *, look_first: bool = False) -> Iterator[Reception]:
        """Receive a file in pieces, in little memory; leaving the block without `finish` leaves nothing.

        With `look_first` a file that is here already is found before it is stored, and not only when it is recorded:
        for files that may well be, as that costs every other file a transaction.
        """
        document_id = DocumentId(self._ids.new())
        key = self._vault.new_key(document_id)
        with self._store.writing(original_key(document_id)) as writer:
            file = ArrivingFile(
                self._vault.sealing(key, Place(document_id, Purpose.ORIGINAL)),
                self._vault.fingerprinting(arrival.client_id),
                writer,
                max_bytes=self._limits.max_bytes,
                formats=self._limits.formats,
            )

            def enter(arrived: ArrivedFile) -> Receipt:
                once = self._once(arrival, arrived)
                earlier = self._known(arrival, arrived, once) if look_first else None
                return earlier or self._enter(arrival, arrived, once, document_id, key, writer)

            yield Reception(file, enter)

    def _known(self, arrival: Arrival, file: ArrivedFile, once: _Once | None) -> Receipt | None:
        with self._records() as uow:
            earlier = self._earlier(uow, arrival, file, once)
            uow.commit()
        return earlier

    def _enter(
        self,
        arrival: Arrival,
        file: ArrivedFile,
        once: _Once | None,
        document_id: DocumentId,
        key: WrappedKey,
        writer: ObjectWriter,
    ) -> Receipt:
        document = self._document(arrival, file, document_id, key)
        writer.commit(if_absent=True)
        receipt = self._record(arrival, file, once, document)
        if not receipt.duplicate:
            self._dispatcher.send(Outbox(intake=[IntakeTask(document.id, document.priority)]))
        return receipt

    def _once(self, arrival: Arrival, file: ArrivedFile) -> _Once | None:
        if arrival.idempotency is None:
            return None
        return _Once(arrival.idempotency, request_digest(self._vault, arrival, file.fingerprint))

    def _earlier(self, uow: UnitOfWork, arrival: Arrival, file: ArrivedFile, once: _Once | None) -> Receipt | None:
        """The document that the same request or the same file became; holds the key and the fingerprint."""
        if once is not None:
            remembered = uow.idempotency.find(arrival.client_id, once.key)
            if remembered is not None:
                if remembered.digest != once.digest:
                    raise IdempotencyMismatch("the idempotency key was used for another request")
                return Receipt(uow.documents.get(remembered.document_id), duplicate=True, repeated=True)
        same = uow.documents.find_duplicate(arrival.client_id, file.fingerprint)
        if same is None or arrival.again:
            return None
        self._remember(uow, arrival, once, same.id)
        return Receipt(same, duplicate=True)

    def _document(self, arrival: Arrival, file: ArrivedFile, document_id: DocumentId, key: WrappedKey) -> Document:
        def sealed(purpose: Purpose, text: str) -> bytes:
            return self._vault.seal(key, Place(document_id, purpose), text.encode())

        now = self._clock.now()
        return Document(
            id=document_id,
            client_id=arrival.client_id,
            priority=class_for(arrival.deadline, now, arrival.priority),
            state=DocumentState.RECEIVED,
            received_at=now,
            updated_at=now,
            size=file.size,
            fingerprint=file.fingerprint,
            media_type=file.media_type,
            name=sealed(Purpose.NAME, arrival.name),
            key=key,
            dispatched_at=now,
            kind=arrival.kind,
            deadline=arrival.deadline,
            reference=None if arrival.reference is None else sealed(Purpose.REFERENCE, arrival.reference),
            callback=None if arrival.callback is None else sealed(Purpose.CALLBACK, arrival.callback),
            fresh=arrival.again,
        )

    def _record(self, arrival: Arrival, file: ArrivedFile, once: _Once | None, document: Document) -> Receipt:
        """Record the document whose original is in the store; it goes again where it is not needed after all."""
        with ExitStack() as undo:
            undo.callback(self._store.delete, original_key(document.id))
            with self._records() as uow:
                receipt = self._earlier(uow, arrival, file, once)
                if receipt is None:
                    self._add(uow, arrival, once, document)
                    receipt = Receipt(document, duplicate=False)
                    # An answer to the commit may get lost. An original without its row is noise that nobody can open;
                    # a row without its original would be a lost document.
                    undo.pop_all()
                uow.commit()
        return receipt

    def _add(self, uow: UnitOfWork, arrival: Arrival, once: _Once | None, document: Document) -> None:
        uow.documents.add(document)
        uow.audit.append(
            AuditEntry(
                document.id,
                AuditKind.DOCUMENT_RECEIVED,
                document.received_at,
                arrival.actor,
                details=(
                    ("client", document.client_id),
                    ("media_type", document.media_type.value),
                    ("priority", document.priority.label),
                    ("size", document.size),
                    ("kind", document.kind.value),
                    ("deadline", None if document.deadline is None else document.deadline.isoformat()),
                ),
            )
        )
        self._remember(uow, arrival, once, document.id)

    def _remember(self, uow: UnitOfWork, arrival: Arrival, once: _Once | None, document_id: DocumentId) -> None:
        if once is not None:
            uow.idempotency.remember(
                Remembered(arrival.client_id, once.key, once.digest, document_id, self._clock.now())
            )
