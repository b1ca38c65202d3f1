"""Taking in the object that an event tells of, once for each of its versions.

An event is a hint that something happened to a key. What is taken is what the bucket says lies there, so events may
come twice, late, in any order or not at all (the listing finds what they missed).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from ocr_pipeline.domain.documents import Document, RefusalReason
from ocr_pipeline.domain.errors import NotFound, ObjectMissing, Refused
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.domain.triggers import FINAL_STATES, ParkReason, SourceObject
from ocr_pipeline.ports.buckets import Buckets, ObjectFacts
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.triggers import ObjectArrival, TakeIn
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.triggers.events import Change, ObjectEvent, UnusableEvent, is_older
from ocr_pipeline.triggers.identity import Address, Fingerprints
from ocr_pipeline.triggers.rules import Rule, Rules

OUTPUT_LEASE = timedelta(minutes=5)
"""How long one try to write an object's result may take."""

_HADOOP_FOLDER = "_$folder$"


class Outcome(StrEnum):
    """What became of an event."""

    TAKEN = "taken"
    KNOWN = "known"
    OLDER = "older"
    IGNORED = "ignored"
    DELETED = "deleted"
    OVERSIZE = "oversize"
    REFUSED = "refused"
    PARKED = "parked"
    RETRIED = "retried"


@dataclass(frozen=True, slots=True)
class TakeLimits:
    """Bytes an object may have, and whether results are to be written for what is taken."""

    max_bytes: int
    output: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """An object that a rule wants, as the bucket has it and as it was seen last."""

    event: ObjectEvent
    rule: Rule
    address: bytes
    facts: ObjectFacts
    row: SourceObject | None


class TakeObject:
    """Takes in one object an event. Safe between threads and processes."""

    def __init__(
        self,
        records: Records,
        vault: Vault,
        buckets: Buckets,
        take_in: TakeIn,
        rules: Rules,
        clock: Clock,
        limits: TakeLimits,
    ) -> None:
        self._records = records
        self._vault = vault
        self._fingerprints = Fingerprints(vault)
        self._buckets = buckets
        self._take_in = take_in
        self._rules = rules
        self._clock = clock
        self._limits = limits

    def __call__(self, event: ObjectEvent, *, source: str) -> Outcome:
        """What became of the event. The same event again changes nothing.

        Raises UnusableEvent for a client that may send nothing, ObjectMissing where nothing lies there, Conflict where
        it is replaced again and again; and what bucket, store, vault and database raise: then it is to come again.
        """
        if event.change is Change.REMOVED:
            return Outcome.DELETED
        rule = self._rules.match(event)
        if rule is None:
            return Outcome.IGNORED
        address = self._fingerprints.address(rule.client_id, event.bucket, event.key)
        row = self._seen(rule.client_id, address)
        if row is not None and is_older(event.sequencer, row.sequencer):
            return Outcome.OLDER
        if row is not None and self._tells_of(event, row):
            return self._again(row, event)
        facts = self._facts(event)
        if facts.size == 0 and event.key.endswith(_HADOOP_FOLDER):
            return Outcome.IGNORED
        return self._decide(_Found(event, rule, address, facts, row), source)

    def _seen(self, client_id: ClientId, address: bytes) -> SourceObject | None:
        with self._records() as uow:
            try:
                client = uow.clients.get(client_id)
            except NotFound:
                raise UnusableEvent(ParkReason.UNKNOWN_CLIENT, "a rule names a client that is not there") from None
            if client.disabled_at is not None:
                raise UnusableEvent(ParkReason.CLIENT_DISABLED, "a rule names a client that is disabled")
            return uow.source_objects.find(client_id, address)

    def _tells_of(self, event: ObjectEvent, row: SourceObject) -> bool:
        """Whether the event alone shows that it is the version in the row."""
        if (event.version is None) != (row.version is None):
            return False
        return self._fingerprints.same_version(row, event.version, event.etag)

    def _facts(self, event: ObjectEvent) -> ObjectFacts:
        """Of the version that the event names; of what lies there now where it names none, or one that is gone."""
        if event.version is not None:
            try:
                return self._buckets.facts(event.bucket, event.key, event.version)
            except ObjectMissing:
                pass
        return self._buckets.facts(event.bucket, event.key)

    def _decide(self, found: _Found, source: str) -> Outcome:
        row, facts = found.row, found.facts
        if row is not None:
            if self._fingerprints.same_version(row, facts.version, facts.etag):
                return self._again(row, found.event)
            if _is_named(found.event, facts) and _came_before(found.event, facts, row):
                return Outcome.OLDER
        if facts.size > self._limits.max_bytes:
            self._record(found, None, reason=RefusalReason.TOO_LARGE.value)
            return Outcome.OVERSIZE
        try:
            document_id = self._document(found, source)
        except Refused as refusal:
            self._record(found, None, reason=refusal.reason)
            return Outcome.REFUSED
        self._record(found, document_id)
        return Outcome.TAKEN

    def _document(self, found: _Found, source: str) -> DocumentId:
        """The document of this version: the one that it became before a crash, or a new one."""
        client_id = found.rule.client_id
        key = self._fingerprints.idempotency_key(client_id, found.event.bucket, found.facts)
        with self._records() as uow:
            remembered = uow.idempotency.find(client_id, key)
        if remembered is not None:
            return remembered.document_id
        arrival = ObjectArrival(
            client_id=client_id,
            name=found.event.name,
            kind=found.rule.kind,
            priority=found.rule.priority,
            idempotency=key,
            actor=f"trigger:{source}",
        )
        with self._buckets.reading(found.event.bucket, found.facts) as chunks:
            return self._take_in(arrival, chunks)

    def _again(self, row: SourceObject, event: ObjectEvent) -> Outcome:
        """Remember a later sequencer of the version that is known, so that what came before it stays out."""
        if _is_later(event.sequencer, row.sequencer):
            with self._records() as uow:
                held = uow.source_objects.lock(row.client_id, row.address)
                if held is not None and _is_same_version(held, row) and _is_later(event.sequencer, held.sequencer):
                    uow.source_objects.put(replace(held, sequencer=event.sequencer))
                    uow.commit()
        return Outcome.KNOWN

    def _record(self, found: _Found, document_id: DocumentId | None, *, reason: str | None = None) -> None:
        """Keep what became of this version, unless a later one was kept meanwhile."""
        event, facts, client_id = found.event, found.facts, found.rule.client_id
        address = Address(event.bucket, event.key, facts.version)
        with self._records() as uow:
            # Held until the row is there, so that the document's end finds it or is found here.
            document = None if document_id is None else uow.documents.lock(document_id)
            sealed = None if document is None else self._sealed(document, address)
            held = uow.source_objects.lock(client_id, found.address)
            if held is not None and _is_behind(found, held):
                return
            now = self._clock.now()
            wanted = self._limits.output and sealed is not None
            row = SourceObject(
                client_id=client_id,
                address=found.address,
                etag=self._fingerprints.etag(client_id, facts.etag),
                version=facts.version,
                sequencer=event.sequencer or (None if held is None else held.sequencer),
                modified_at=facts.modified_at,
                taken_at=now,
                document_id=document_id,
                sealed=sealed,
                reason=reason,
                output_due=now if wanted else None,
                awaits_end=wanted and document is not None and document.state not in FINAL_STATES,
            )
            if held is not None and _is_same_version(held, row):
                return
            if held is not None and held.output_due is not None and row.output_due is not None:
                # Somebody may be writing the result of the version before; this one's has to come after it.
                row = replace(row, output_due=max(now, min(held.output_due, now + OUTPUT_LEASE)))
            uow.source_objects.put(row)
            uow.commit()

    def _sealed(self, document: Document, address: Address) -> bytes | None:
        if document.key is None:
            return None
        return self._vault.seal(document.key, Place(document.id, Purpose.SOURCE), address.to_bytes())


def _is_same_version(held: SourceObject, row: SourceObject) -> bool:
    return (held.version, held.etag) == (row.version, row.etag)


def _is_behind(found: _Found, held: SourceObject) -> bool:
    """Whether a later version was kept since this one was looked at."""
    stayed = found.row is not None and _is_same_version(found.row, held)
    if stayed and not _is_named(found.event, found.facts):
        return False
    return _came_before(found.event, found.facts, held)


def _is_later(sequencer: str | None, than: str | None) -> bool:
    return sequencer is not None and (than is None or is_older(than, sequencer))


def _is_named(event: ObjectEvent, facts: ObjectFacts) -> bool:
    """Whether this is the version that the event names, which may be an old one.

    Else it is what lies there now. Nothing later was taken than that, whatever its time says: clocks are set back, and
    files that are moved keep their times.
    """
    return facts.version is not None and facts.version == event.version


def _came_before(event: ObjectEvent, facts: ObjectFacts, held: SourceObject) -> bool:
    """Whether a version that is kept is the later one: by sequencer where both have one, else by time."""
    if event.sequencer is not None and held.sequencer is not None:
        return is_older(event.sequencer, held.sequencer)
    return facts.modified_at < held.modified_at
