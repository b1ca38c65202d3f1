"""What is told of a bulk run: figures for people, and whoever draws them. No names of files are among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ocr_pipeline.domain.bulk import BulkRun, ItemState, RunEvent
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.bulk import Tally, Throughput


@dataclass(frozen=True, slots=True)
class Prices:
    """What a GPU hour costs (None where nobody said), how many GPUs work at once, and in which currency."""

    per_gpu_hour: float | None = None
    gpus: int = 1
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate: the hours in which pages of the run were finished, times GPUs, times the price of an hour."""

    amount: float
    gpu_hours: float
    prices: Prices


@dataclass(frozen=True, slots=True)
class Forecast:
    """How it will go on at the speed of late. Times are in UTC; None where nothing can be said yet.

    `in_window` and `in_time` tell whether it ends before the window shuts and before the deadline.
    """

    items_left: int
    expected_at: datetime | None = None
    window_shuts: datetime | None = None
    window_seconds_left: float | None = None
    in_window: bool | None = None
    in_time: bool | None = None


@dataclass(frozen=True, slots=True)
class SlowItem:
    """One of the items that took longest: its number, its documents, its pages, seconds from hand-out to end."""

    number: int
    documents: tuple[DocumentId, ...]
    pages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything a report says.

    `review_share` is the part of the pages read that a person must see or has seen, None before any was read.
    `busy_seconds` is the time in which something was finished, `stretch_seconds` the length of each of `throughput`.
    `latencies` counts items below each of `latency_bounds` (seconds) but not below the one before, the last above all.
    """

    run: BulkRun
    label: str
    made_at: datetime
    items: dict[ItemState, int]
    tallies: tuple[Tally, ...]
    pages: Mapping[PageState, int]
    review_share: float | None
    busy_seconds: float
    pages_per_second: float | None
    stretch_seconds: float
    throughput: tuple[Throughput, ...]
    latency_bounds: tuple[float, ...]
    latencies: tuple[int, ...]
    slowest: tuple[SlowItem, ...]
    engine_seconds: float
    cost: Cost | None
    forecast: Forecast
    events: tuple[RunEvent, ...]

    @property
    def total_items(self) -> int:
        """All items, in whatever state."""
        return sum(self.items.values())

    @property
    def pages_read(self) -> int:
        """Pages that machines are done with."""
        return sum(self.pages.values()) - self.pages[PageState.QUEUED]


class DrawReport(Protocol):
    """Draws a report."""

    def __call__(self, report: RunReport) -> str:
        """The report as one self-contained document."""
        ...
