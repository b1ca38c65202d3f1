"""Bulk runs over a pipeline in memory, with files that are there, missing, too large or hard to fetch as told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ocr_pipeline.bulk.control import ControlRun
from ocr_pipeline.bulk.create import CreateRun, Listed, Wish
from ocr_pipeline.bulk.hand_out import HandOut, HandOutRules
from ocr_pipeline.bulk.report import MakeReport
from ocr_pipeline.bulk.sealed import About
from ocr_pipeline.bulk.settle import SettleRun
from ocr_pipeline.bulk.step import StepRuns
from ocr_pipeline.bulk.take_item import Handed
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, RunId, Segment
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import ObjectMissing, PipelineError
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.window import Window
from ocr_pipeline.ports.bulk import Part, SourceFile
from ocr_pipeline.ports.bulk_report import Prices
from tests.unit.world import CLIENT, PNG, World, arrival

PART_BYTES = 4


class Files:
    """A list and its source at once. A file's content, or what fetching it raises."""

    def __init__(self, *contents: bytes | PipelineError) -> None:
        self.contents: dict[str, bytes | PipelineError] = {
            f"charts/kim {number}.png": content for number, content in enumerate(contents, start=1)
        }
        self.rows = [SourceFile(name, version="1") for name in self.contents]
        self.fetched: list[str] = []

    def files(self, *, after_line: int = 0) -> Iterator[SourceFile]:
        return (row for row in self.rows if row.line is None or row.line > after_line)

    def __call__(self, base: str) -> Files:
        assert base == "s3://scans/2026"
        return self

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        self.fetched.append(name)
        content = self.contents.get(name, ObjectMissing("gone"))
        if isinstance(content, PipelineError):
            raise content
        return content


class Letters:
    """Splits `parts:` files into one part a letter of the rest; leaves others whole."""

    def split(self, content: bytes) -> list[Part]:
        if not content.startswith(PNG + b"parts:"):
            return [Part(1, content)]
        letters = content.removeprefix(PNG + b"parts:")
        return [Part(1 + 20 * place, PNG + letters[place : place + 1]) for place in range(len(letters))]


@dataclass
class BulkWorld:
    """A world with bulk runs. `records` may be swapped for one that fails."""

    files: Files
    rules: HandOutRules = field(default_factory=lambda: HandOutRules(group=3))
    world: World = field(default_factory=World)
    batch: int = 2
    handed: list[Handed] = field(default_factory=list)

    def __post_init__(self) -> None:
        world = self.world
        self.records: Any = world.records
        self.control = ControlRun(self.records, world.clock)
        self.settle = SettleRun(self.records, world.clock, batch=2)
        self.report = MakeReport(self.records, world.vault, world.clock, Prices(3.6, 2, "KRW"))
        self.wire()

    def wire(self) -> None:
        """Build what uses the records."""
        world = self.world
        self.create = CreateRun(self.records, world.vault, world.clock, world.ids, self.batch)
        self.settle = SettleRun(self.records, world.clock, batch=2)
        self.hand_out = HandOut(self.records, world.vault, self.files, Letters(), self.take_in, world.clock, self.rules)
        self.step = StepRuns(self.records, self.settle, self.hand_out)

    def take_in(self, handed: Handed) -> tuple[DocumentId, bool]:
        """As bootstrap does it."""
        self.handed.append(handed)
        said = arrival(
            name=handed.name,
            priority=handed.priority,
            actor=handed.actor,
            kind=handed.kind,
            reference=handed.reference,
            idempotency=handed.idempotency,
        )
        with self.world.submit.receiving(said) as reception:
            reception.write(handed.content)
            receipt = reception.finish()
        return receipt.document_id, receipt.duplicate and not receipt.repeated

    def begin(self, window: Window | None = None, deadline: datetime | None = None) -> BulkRun:
        return self.create.begin(Wish(CLIENT, About("Ward 7", "s3://scans/2026"), window, deadline, "cli:kim"))

    def listed(self, **wish: Any) -> RunId:
        """A run with all its items."""
        run = self.begin(**wish)
        self.fill(run.id)
        return run.id

    def started(self, **wish: Any) -> RunId:
        """A run that may hand out."""
        run_id = self.listed(**wish)
        self.control.start(run_id, actor="cli:kim")
        return run_id

    def fill(self, run_id: RunId) -> Listed:
        *_, last = self.create.fill(run_id, self.files, actor="cli:kim")
        return last

    def run(self, run_id: RunId) -> BulkRun:
        with self.world.records() as uow:
            return uow.bulk_runs.get(run_id)

    def items(self, run_id: RunId) -> list[BulkItem]:
        with self.world.records() as uow:
            return uow.bulk_items.of_run(run_id)

    def states(self, run_id: RunId) -> list[str]:
        """Each item's state, with its code where it has one."""
        return [f"{item.state.value}:{item.code}" if item.code else item.state.value for item in self.items(run_id)]

    def segments(self, run_id: RunId, *numbers: int) -> list[Segment]:
        with self.world.records() as uow:
            return uow.bulk_items.segments(run_id, numbers)

    def documents(self) -> list[Document]:
        with self.world.records() as uow:
            return uow.documents.find(limit=1000)

    def finish_documents(
        self, state: DocumentState = DocumentState.COMPLETED, only: Sequence[DocumentId] | None = None
    ) -> None:
        """Bring documents that are under way to an end."""
        for document in self.documents():
            if document.state is DocumentState.RECEIVED and (only is None or document.id in only):
                with self.world.records() as uow:
                    uow.documents.lock(document.id)
                    ended = replace(document, state=state, page_count=2, updated_at=self.world.clock.now())
                    uow.documents.save(ended)
                    uow.commit()
