"""What bulk runs need of the world: their rows, the files they name, and a way to split long charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunEvent, RunId, RunState, Segment, SegmentDocument
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority


class BulkRuns(Protocol):
    """Rows of runs and of the changes of their states."""

    def add(self, run: BulkRun) -> None:
        """Insert. Raises Conflict for a known id."""
        ...

    def get(self, run_id: RunId) -> BulkRun:
        """Raises NotFound."""
        ...

    def lock(self, run_id: RunId) -> BulkRun:
        """As `get`, and hold the row against others until the unit of work ends."""
        ...

    def save(self, run: BulkRun) -> None:
        """Write every field of a known run."""
        ...

    def find(self, *, states: Sequence[RunState] = (), limit: int = 100) -> list[BulkRun]:
        """Runs, newest first, in any of the states (all when none is given)."""
        ...

    def log(self, event: RunEvent) -> None:
        """Note a change of state."""
        ...

    def events(self, run_id: RunId) -> list[RunEvent]:
        """The changes of a run, oldest first."""
        ...


class BulkItems(Protocol):
    """Rows of items and of the documents these became."""

    def add(self, items: Sequence[BulkItem]) -> None:
        """Insert all or none. Raises Conflict for a number that is taken."""
        ...

    def last(self, run_id: RunId) -> tuple[int, int]:
        """The highest number and the highest line of a run; 0 where there is none."""
        ...

    def known(self, run_id: RunId, fingerprints: Sequence[bytes]) -> dict[bytes, int]:
        """Which of these names the run has, with the first item's number."""
        ...

    def claim(self, run_id: RunId, *, now: datetime, limit: int) -> list[BulkItem]:
        """Waiting items that are due, in order of number, held until the unit of work ends.

        Those that another unit of work holds are passed over.
        """
        ...

    def get(self, run_id: RunId, number: int) -> BulkItem:
        """Raises NotFound."""
        ...

    def save(self, item: BulkItem) -> None:
        """Write every field of a known item."""
        ...

    def of_run(
        self, run_id: RunId, *, after: int = 0, limit: int = 1000, states: Sequence[ItemState] = ()
    ) -> list[BulkItem]:
        """Items in order of number from the one after `after` on, in any of the states (all when none is given)."""
        ...

    def add_segments(self, segments: Sequence[Segment]) -> None:
        """Insert. Raises Conflict for one that is there, IntegrityError for an unknown item or document."""
        ...

    def segments(self, run_id: RunId, numbers: Sequence[int]) -> list[Segment]:
        """The segments of some items, in order."""
        ...

    def settled(self, run_id: RunId, *, limit: int) -> list[tuple[BulkItem, list[SegmentDocument]]]:
        """Handed-out items all of whose documents are settled, held until the unit of work ends.

        Those that another unit of work holds are passed over.
        """
        ...

    def forget_names(self, document_id: DocumentId) -> int:
        """Drop the names of all items that became this document; returns how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """How many items stand in a state for one reason, and how many pages they have."""

    state: ItemState
    code: str | None
    items: int
    pages: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was settled in one stretch of time from `start` on."""

    start: datetime
    items: int
    pages: int


@dataclass(frozen=True, slots=True)
class RunPages:
    """The pages of a run's documents: how many stand in each state, and the engine time of all, in seconds."""

    states: Mapping[PageState, int]
    seconds: float


class BulkFigures(Protocol):
    """Figures of runs, each in one query."""

    def tallies(self, run_id: RunId) -> list[Tally]:
        """Items by state and code."""
        ...

    def pages(self, run_id: RunId) -> RunPages:
        """The pages of all its documents; every state is named."""
        ...

    def throughput(self, run_id: RunId, *, seconds: float, since: datetime) -> list[Throughput]:
        """What was settled, by stretches of so many seconds counted from `since`; empty stretches are left out."""
        ...

    def latencies(self, run_id: RunId, bounds: Sequence[float]) -> list[int]:
        """Items settled within each bound (seconds, rising) but not within the one before, and last those above all."""
        ...

    def slowest(self, run_id: RunId, limit: int) -> list[BulkItem]:
        """The items that took longest from being handed out, longest first."""
        ...

    def waiting_pages(self, priority: Priority) -> int:
        """Pages of a class that wait for recognition; a document not opened yet counts as one."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as a list names it: its name below the base (PHI), and what the list says of it.

    `version` tells whether it was replaced since, where the place it lies in knows. A row that cannot be used has a
    `problem` (a code) instead, and no name.
    """

    name: str = field(repr=False)
    line: int | None = None
    version: str | None = field(default=None, repr=False)
    kind: DocumentKind = DocumentKind.OTHER
    reference: str | None = field(default=None, repr=False)
    problem: str | None = None


class FileList(Protocol):
    """What a run is made from, gone through as often as need be, never held whole."""

    def files(self, *, after_line: int = 0) -> Iterator[SourceFile]:
        """Every file; of a manifest only lines after the given one. Raises InputMissing, StoreUnavailable."""
        ...


class FileSource(Protocol):
    """The files below a base (a folder, or a prefix of a bucket). Safe between threads."""

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        """The content of a file.

        Raises InputMissing or ObjectMissing where it is not there, Refused (`too_large`), Conflict where it was
        replaced since it was listed, StoreUnavailable.
        """
        ...


class FileSources(Protocol):
    """Opens the source at a base."""

    def __call__(self, base: str) -> FileSource:
        """The source; it may be asked for again and again. Raises InputMissing, ConfigurationError."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive pages of a file as a file of its own; `first_page` counts from 1."""

    first_page: int
    content: bytes = field(repr=False)


class Splitter(Protocol):
    """Splits files with more pages than one document may have, apart from the caller's process."""

    def split(self, content: bytes) -> list[Part]:
        """The parts in order; the file itself, unchanged, where it is short enough or no splitting helps.

        What is damaged comes back whole: intake says what is wrong with it. Raises Refused (`too_slow`,
        `out_of_memory`, `too_large`) for what takes too much to split.
        """
        ...
