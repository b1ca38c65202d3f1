"""What S3 triggers need of the records and of the rest of the pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.triggers import EventId, HeldEvent, Listing, SourceObject


class SourceObjects(Protocol):
    """Rows of objects that were taken in or refused, one an object, at its newest known version."""

    def find(self, client_id: ClientId, address: bytes) -> SourceObject | None:
        """The object as it was last seen."""
        ...

    def lock(self, client_id: ClientId, address: bytes) -> SourceObject | None:
        """As `find`, and hold the address until the unit of work ends, also where there is no row yet."""
        ...

    def etags(self, client_id: ClientId, addresses: Sequence[bytes]) -> dict[bytes, bytes]:
        """The fingerprints of the entity tags of those that are known, by address."""
        ...

    def put(self, row: SourceObject) -> None:
        """Insert, or write every field of a known one."""
        ...

    def ended(self, document_id: DocumentId) -> None:
        """The document has come to its end: the output of its objects awaits it no longer."""
        ...

    def claim_outputs(self, *, now: datetime, until: datetime, limit: int) -> list[SourceObject]:
        """Objects whose output is due and awaits no document's end, longest due first, put off to `until`.

        Several processes may claim at once; each object goes to one.
        """
        ...


class HeldEvents(Protocol):
    """Rows of events that wait or are parked."""

    def put(self, event: HeldEvent) -> None:
        """Insert, or write every field of a known one."""
        ...

    def lock(self, event_id: EventId) -> HeldEvent:
        """The event, held until the unit of work ends. Raises NotFound."""
        ...

    def claim(self, *, now: datetime, until: datetime, limit: int) -> list[HeldEvent]:
        """Waiting events that are due, longest due first, put off to `until` with one attempt more.

        Several processes may claim at once; each event goes to one.
        """
        ...

    def put_off(self, event_id: EventId, until: datetime) -> None:
        """Let a waiting event wait until then; a parked or forgotten one is left alone."""
        ...

    def forget(self, event_id: EventId, *, parked: bool) -> bool:
        """Delete a parked event, or a waiting one; False where there is no such event."""
        ...

    def parked(self, *, limit: int = 1000) -> list[HeldEvent]:
        """Parked events, oldest first."""
        ...

    def counts(self, *, most: int) -> tuple[int, int]:
        """How many wait and how many are parked, counted up to `most`."""
        ...


class Listings(Protocol):
    """Rows of listings, one a prefix."""

    def ensure(self, listing: Listing) -> None:
        """Insert, unless there is one of this bucket and prefix."""
        ...

    def claim(self, bucket: str, prefix: str, *, now: datetime, until: datetime) -> Listing | None:
        """The listing, put off to `until`, if it is due and in nobody else's hands."""
        ...

    def save(self, listing: Listing) -> None:
        """Write how far it is and until when it is put off; its key stays as it is kept. Raises NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectArrival:
    """An object that is to become a document. `name` is PHI."""

    client_id: ClientId
    name: str = field(repr=False)
    kind: DocumentKind
    priority: Priority
    idempotency: str
    actor: str


class TakeIn(Protocol):
    """Takes in a file as the front door does, once under each idempotency key and for each content of a client."""

    def __call__(self, arrival: ObjectArrival, chunks: Iterable[bytes]) -> DocumentId:
        """Raises Refused, IdempotencyMismatch, and what the store, the vault and the database raise."""
        ...


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One form of a document's result: what is put behind the name of the file that it came from, and the content."""

    suffix: str
    media_type: str
    content: bytes = field(repr=False)


class ResultFiles(Protocol):
    """Makes the files of a document's result. The reading is audited."""

    def __call__(self, document_id: DocumentId) -> Sequence[ResultFile]:
        """Raises NotFound, KeyMissing once the document was erased, DecryptionFailed, ObjectMissing."""
        ...
