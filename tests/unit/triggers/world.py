"""S3 triggers in memory: a bucket that can be written, replaced, throttled and listed, and the use cases over it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from ocr_pipeline.domain.documents import SETTLED_STATES, Document
from ocr_pipeline.domain.errors import Conflict, ObjectMissing, StoreUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.triggers import SourceObject
from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.operations.access import Changes, ManageClients
from ocr_pipeline.ports.buckets import ObjectFacts
from ocr_pipeline.ports.triggers import ObjectArrival, ResultFile
from ocr_pipeline.triggers.events import Change, ObjectEvent
from ocr_pipeline.triggers.handle import HandleLetter
from ocr_pipeline.triggers.hold import HoldEvents
from ocr_pipeline.triggers.lister import ListPlaces, ListRules
from ocr_pipeline.triggers.output import OutputRules, WriteResults
from ocr_pipeline.triggers.rules import Place, Rule, Rules
from ocr_pipeline.triggers.take import Outcome, TakeLimits, TakeObject
from tests.unit.world import PNG, World

BUCKET = "scans"
CLIENT = ClientId("clinic")


@dataclass
class FakeBuckets:
    """One bucket, with versions or without, its clock `behind`. LastModified has whole seconds, as S3 tells it."""

    now: datetime
    behind: timedelta = timedelta(0)
    versioned: bool = False
    down: bool = False
    objects: dict[str, list[tuple[ObjectFacts, bytes]]] = field(default_factory=dict)
    written: dict[tuple[str, str], bytes] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    changes: int = 0

    def write(self, key: str, content: bytes) -> ObjectEvent:
        """Put an object, and give the event that tells of it."""
        self.changes += 1
        etag = hashlib.md5(content).hexdigest()  # noqa: S324 - as S3 does it
        version = f"v{self.changes}" if self.versioned else None
        facts = ObjectFacts(key, etag, len(content), (self.now - self.behind).replace(microsecond=0), version)
        kept = self.objects.get(key, []) if self.versioned else []
        self.objects[key] = [*kept, (facts, content)]
        return ObjectEvent(
            Change.CREATED, BUCKET, key, version=version, etag=etag, size=len(content), sequencer=f"{self.changes:X}"
        )

    def facts(self, bucket: str, key: str, version: str | None = None) -> ObjectFacts:
        self._ask("facts")
        return self._find(key, version)[0]

    @contextmanager
    def reading(self, bucket: str, facts: ObjectFacts) -> Iterator[Iterator[bytes]]:
        self._ask("reading")
        found, content = self._find(facts.key, facts.version)
        if found.etag != facts.etag:
            raise Conflict("replaced")
        yield iter([content[:4], content[4:]])

    def page(self, bucket: str, prefix: str, after: str | None, most: int) -> Sequence[ObjectFacts]:
        self._ask("page")
        keys = sorted(key for key in self.objects if key.startswith(prefix) and (after is None or key > after))
        newest = (self.objects[key][-1][0] for key in keys[:most])
        return [ObjectFacts(facts.key, facts.etag, facts.size, facts.modified_at) for facts in newest]

    def put(self, bucket: str, key: str, content: bytes, media_type: str) -> None:
        self._ask("put")
        self.written[bucket, key] = content

    def tag(self, bucket: str, key: str, version: str | None, tags: Mapping[str, str]) -> None:
        self._ask("tag")
        self._find(key, version)
        self.tags.setdefault(key, {}).update(tags)

    def _find(self, key: str, version: str | None) -> tuple[ObjectFacts, bytes]:
        for facts, content in reversed(self.objects.get(key, [])):
            if version in {None, facts.version}:
                return facts, content
        raise ObjectMissing("gone")

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.down:
            raise StoreUnavailable("SlowDown")


class Tally:
    """Counts what became of events."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.failures: list[str] = []

    def settled(self, source: str, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def failed(self, source: str, code: str) -> None:
        self.failures.append(code)


class TriggerWorld(World):
    """The pipeline in memory with triggers before it."""

    def __init__(self, *rules: Rule, versioned: bool = False, output: bool = False, **limits: int) -> None:
        super().__init__()
        self.buckets = FakeBuckets(self.clock.time, versioned=versioned)
        self.wanted = Rules(rules or [Rule(BUCKET, CLIENT, prefix="in/")], Place("", "ocr-results/"))
        self.tally = Tally()
        self.stopping = Event()
        self.room = True
        limit = TakeLimits(limits.get("max_bytes", 900), output=output)
        self.take = TakeObject(self.records, self.vault, self.buckets, self.take_in, self.wanted, self.clock, limit)
        self.held = HoldEvents(self.records, self.vault, self.clock, self.ids)
        self.handle = HandleLetter(self.take, self.tally, max_attempts=3)
        self.list = ListPlaces(
            self.records,
            self.vault,
            self.buckets,
            self.take,
            self.wanted,
            self.tally,
            lambda: self.room,
            self.clock,
            self.ids,
            self.stopping,
            ListRules(timedelta(minutes=15), timedelta(minutes=5), per_second=1e9, at_once=2, page=3),
        )
        self.write = WriteResults(
            self.records,
            self.vault,
            self.buckets,
            self.result_files,
            self.clock,
            self.stopping,
            OutputRules(Place("", "ocr-results/"), tag=True),
        )
        ManageClients(self.records, self.clock).create(CLIENT, Changes())

    def take_in(self, arrival: ObjectArrival, chunks: Iterable[bytes]) -> DocumentId:
        said = Arrival(
            arrival.client_id,
            arrival.name,
            arrival.priority,
            arrival.actor,
            kind=arrival.kind,
            idempotency=arrival.idempotency,
        )
        with self.submit.receiving(said) as reception:
            for chunk in chunks:
                reception.write(chunk)
            return reception.finish().document_id

    def result_files(self, document_id: DocumentId) -> Sequence[ResultFile]:
        result = self.read(document_id, actor="trigger:output")
        return [ResultFile(".txt", "text/plain", "\f".join(page.text for page in result.pages).encode())]

    def event(self, name: str = "1.png", content: bytes = b"one") -> ObjectEvent:
        """The event of a new object."""
        self.buckets.now = self.clock.time
        return self.buckets.write(f"in/{name}", PNG + content)

    def taken(self, event: ObjectEvent) -> Outcome:
        return self.take(event, source="test")

    def documents(self) -> list[Document]:
        with self.records() as uow:
            return uow.documents.find(limit=10_000)

    def rows(self) -> list[SourceObject]:
        return list(self.records.tables.source_objects.values())

    def settle(self) -> None:
        """Let every document come to its end."""
        while self.queue.intake:
            self.admit(self.queue.intake.pop())
        while self.queue.recognition:
            self.apply(self.report_of(self.queue.recognition.pop()))
        assert all(document.state in SETTLED_STATES for document in self.documents())
