"""A whole pipeline in memory: real use cases over in-memory adapters and an engine that does as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.adapters.objects.memory import MemoryObjectStore
from ocr_pipeline.domain.audit import AuditKind, verify
from ocr_pipeline.domain.documents import Document, MediaType
from ocr_pipeline.domain.errors import PipelineError, QueueUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef, uuid7
from ocr_pipeline.domain.messages import IntakeTask, PageRead, RecognitionTask, Report
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.retries import RetryRules
from ocr_pipeline.domain.text import Block, Box, Line, PageText, Word
from ocr_pipeline.domain.verdicts import VerdictRules
from ocr_pipeline.flow.dispatch import Dispatcher
from ocr_pipeline.intake.admit import AdmissionRules, AdmitDocument
from ocr_pipeline.intake.recall import RecallPages, RecallRules
from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.intake.submit import Receipt, SubmitDocument, Upload, UploadLimits
from ocr_pipeline.operations.cancel import CancelDocument
from ocr_pipeline.operations.erase import EraseDocument
from ocr_pipeline.operations.erasure_notes import ErasureNotes
from ocr_pipeline.operations.reconcile import Reconcile
from ocr_pipeline.ports.documents import OpenedDocument, OpenedPage
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions
from ocr_pipeline.recognition.assess import Assessment
from ocr_pipeline.recognition.recognise import RecognisePage
from ocr_pipeline.results.apply import ApplyReport
from ocr_pipeline.results.read import ReadDocument
from ocr_pipeline.review.desk import ReviewDesk

PNG = b"\x89PNG\r\n\x1a\n"
CLIENT = ClientId("hospital-a")


class FakeClock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def advance(self, **delta: float) -> None:
        self.time += timedelta(**delta)


class FakeIds:
    """Ids in order, the same in every run."""

    def __init__(self) -> None:
        self._random = Random(7)
        self._count = 0

    def new(self) -> UUID:
        self._count += 1
        return uuid7(1_700_000_000_000 + self._count, self._random.getrandbits(74))


@dataclass(slots=True)
class RecordingQueue:
    """Keeps what was sent; refuses while `down`."""

    intake: list[IntakeTask] = field(default_factory=list)
    recognition: list[RecognitionTask] = field(default_factory=list)
    quarantine: list[RecognitionTask] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    down: bool = False

    def send_intake(self, task: IntakeTask) -> None:
        self._keep(self.intake, task)

    def send_recognition(self, task: RecognitionTask, *, quarantine: bool = False) -> None:
        self._keep(self.quarantine if quarantine else self.recognition, task)

    def send_report(self, report: Report) -> None:
        self._keep(self.reports, report)

    def check(self) -> None:
        if self.down:
            raise QueueUnavailable("down")

    def _keep(self, place: list[Any], message: object) -> None:
        self.check()
        place.append(message)


class FakeOpener:
    """Opens into the pages it was given, or raises."""

    def __init__(self) -> None:
        self.pages: list[OpenedPage] = [image_page(1)]
        self.error: PipelineError | None = None
        self.opened = 0

    @contextmanager
    def open(self, content: bytes, media_type: MediaType) -> Iterator[OpenedDocument]:
        self.opened += 1
        if self.error is not None:
            raise self.error
        yield OpenedDocument(len(self.pages), iter(self.pages))


class FakeEngine:
    """Reads every page as `page`, or raises `error`."""

    name = "fake/1"

    def __init__(self) -> None:
        self.page = page_text("hello", confidence=0.99)
        self.error: PipelineError | None = None
        self.seen: list[tuple[PageImage, RecognitionOptions]] = []

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        self.seen.append((page, options))
        if self.error is not None:
            raise self.error
        return self.page

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        pass


def image_page(number: int, problem: str | None = None, text_layer: str | None = None) -> OpenedPage:
    """An opened page with a tiny image, or with a problem instead."""
    image = None if problem else PageImage(PNG + bytes([number]), "image/png", 100, 50, 200.0)
    return OpenedPage(number, image, problem, text_layer)


def page_text(*texts: str, confidence: float, ink: float = 0.1) -> PageText:
    """A page of one line."""
    words = tuple(Word(text, confidence, Box(0, 0, 10, 10)) for text in texts)
    return PageText((Block((Line(words),)),) if words else (), "fake/1", 100, 50, ink=ink)


def assess(page: PageText) -> Assessment:
    """The plainest assessment: the mean confidence, blank where nothing was read on no ink."""
    return Assessment(page, page.mean_confidence, page.is_empty and not page.ink, ())


def arrival(**said: Any) -> Arrival:
    """A client's plainest words, or others by name."""
    return Arrival(**{"client_id": CLIENT, "name": "scan.png", "priority": Priority.ROUTINE, "actor": "test", **said})


class RecordingRecalls:
    """Keeps what was recalled."""

    def __init__(self) -> None:
        self.told: list[tuple[PageRef, PageRef]] = []

    def recalled(self, page: PageRef, source: PageRef) -> None:
        self.told.append((page, source))


class World:
    """All stages, wired as `bootstrap` does, with every dependency in reach.

    With a `configuration` pages are remembered and recalled under it.
    """

    def __init__(
        self,
        *,
        review: bool = True,
        max_attempts: int = 3,
        max_suspicions: int = 3,
        configuration: str | None = None,
    ) -> None:
        self.clock, self.ids, self.queue = FakeClock(), FakeIds(), RecordingQueue()
        self.records, self.store, self.keys = MemoryRecords(), MemoryObjectStore(), MemoryKeyProvider()
        self.opener, self.engine = FakeOpener(), FakeEngine()
        self.vault = AesGcmVault(self.keys, DataKeyCache(0, 0))
        self.dispatcher = Dispatcher(self.queue, self.records)
        self.submit = SubmitDocument(
            self.records, self.store, self.vault, self.dispatcher, self.clock, self.ids, UploadLimits(max_bytes=1000)
        )
        self.recalls, self.review, self.max_attempts = RecordingRecalls(), review, max_attempts
        self.configure(configuration)
        self.apply = ApplyReport(
            self.records,
            self.dispatcher,
            self.clock,
            self.ids,
            VerdictRules(0.85, review),
            RetryRules(max_attempts=max_attempts, max_suspicions=max_suspicions, review=review),
            remember=configuration is not None,
        )
        self.erase = EraseDocument(self.records, self.store, ErasureNotes(self.store, self.vault), self.clock)
        self.cancel = CancelDocument(self.records, self.clock)
        self.reconcile = Reconcile(self.records, self.dispatcher, self.clock, timedelta(minutes=30))
        self.read = ReadDocument(self.records, self.vault, self.clock)
        self.desk = ReviewDesk(self.records, self.store, self.vault, self.clock)

    def configure(self, configuration: str | None, *, threshold: float = 0.85, recall_days: float = 30) -> None:
        """Begin to read, and to recall, under another configuration or other rules."""
        recall = None
        if configuration is not None:
            rules = RecallRules(configuration, timedelta(days=recall_days), VerdictRules(threshold, self.review))
            recall = RecallPages(self.records, self.vault, self.clock, rules, self.recalls)
        self.admit = AdmitDocument(
            self.records,
            self.store,
            self.vault,
            self.opener,
            self.dispatcher,
            self.clock,
            self.ids,
            AdmissionRules(max_attempts=3, review=self.review),
            recall,
        )
        self.recognise = RecognisePage(
            self.store, self.vault, self.engine, assess, self.clock, 30.0, self.max_attempts, configuration
        )

    def upload(self, content: bytes = PNG + b"one", *, name: str = "scan.png", again: bool = False) -> Receipt:
        """Hand in a file."""
        return self.submit(Upload(content, name, CLIENT, Priority.ROUTINE, "test"), again=again)

    def receive(self, *chunks: bytes, **said: Any) -> Receipt:
        """Receive a file in pieces; what a client says of it may be given by name."""
        with self.submit.receiving(arrival(**said)) as reception:
            for chunk in chunks or (PNG, b"one"):
                reception.write(chunk)
            return reception.finish()

    def queued(self, pages: int = 1) -> DocumentId:
        """A document whose pages wait for recognition."""
        self.opener.pages = [image_page(number) for number in range(1, pages + 1)]
        receipt = self.upload()
        self.admit(self.queue.intake.pop())
        return receipt.document_id

    def report_of(self, task: RecognitionTask, confidence: float = 0.99) -> PageRead:
        """The report of a page read with this confidence."""
        self.engine.page, self.engine.error = page_text("hello", confidence=confidence), None
        report = self.recognise(task)
        assert isinstance(report, PageRead)
        return report

    def document(self, document_id: DocumentId) -> Document:
        """The row as it stands."""
        with self.records() as uow:
            return uow.documents.get(document_id)

    def page(self, document_id: DocumentId, number: int = 1) -> Page:
        """The row as it stands."""
        with self.records() as uow:
            return uow.pages.get(PageRef(document_id, number))

    def states(self, document_id: DocumentId) -> list[PageState]:
        """The states of all pages."""
        with self.records() as uow:
            return uow.pages.states(document_id)

    def audit(self, document_id: DocumentId) -> list[AuditKind]:
        """What the (verified) audit trail says happened."""
        with self.records() as uow:
            events = list(uow.audit.events(document_id))
            assert verify(document_id, events, uow.audit.head(document_id)) is None
        return [event.entry.kind for event in events]
