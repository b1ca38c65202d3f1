"""What operators watch: counts and times of the pipeline, never anything of a document.

Each source answers in few queries of bounded cost. The sources are separate, so that one that is away hides only what
it alone can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority

ARRIVALS = timedelta(minutes=5)
"""How far back arriving pages are counted."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work of one class that machines still have before them; `oldest_*` is when its oldest document was received.

    `documents` wait to be opened, `pages` to be read; of these `retrying` were tried before, and `delayed` wait for
    their next try.
    """

    documents: int = 0
    oldest_document: datetime | None = None
    pages: int = 0
    oldest_page: datetime | None = None
    retrying: int = 0
    delayed: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """Review items of one class that wait for a person, and since when the oldest does."""

    items: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Pages on which machines ended their work, or people theirs, within the last 1, 5 and 60 minutes."""

    last_minute: int = 0
    last_5_minutes: int = 0
    last_hour: int = 0


@dataclass(frozen=True, slots=True)
class EngineWork:
    """What one engine did within the last hour: pages, mean seconds a page, mean confidence where there is one."""

    engine: str
    pages: int
    seconds: float | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The records' side of it, as of one moment.

    `open_documents` holds every document that is not at its end, however old. `today` and `pages_today` hold the
    documents received since the day began, and their pages, by the state they have now; `refusals` counts those of
    them that were refused, by code. `arrived` counts the pages of documents received within ARRIVALS, one for each that
    is not opened yet. `audit_events` counts events since the day began.
    """

    waiting: Mapping[Priority, Waiting]
    arrived: Mapping[Priority, int]
    open_documents: Mapping[DocumentState, int]
    today: Mapping[DocumentState, int]
    pages_today: Mapping[tuple[PageState, Priority], int]
    refusals: Mapping[str, int]
    settled: Settled
    engines: Sequence[EngineWork]
    reviews: Mapping[Priority, Backlog]
    audit_events: int
    last_audit_event: datetime | None


class FiguresSource(Protocol):
    """Where the figures come from. Safe between threads."""

    def __call__(self, *, now: datetime, day_began: datetime) -> Figures:
        """The figures in one consistent view. Raises DatabaseUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """One queue of the broker. What only the broker's own statistics tell is None without them.

    `ready` wait for delivery, `unacked` are in a worker's hands; rates are messages a second.
    """

    name: str
    ready: int
    consumers: int
    unacked: int | None = None
    rate_in: float | None = None
    rate_out: float | None = None


class LanesSource(Protocol):
    """Where the depths of the lanes come from. Safe between threads."""

    def __call__(self) -> Sequence[LaneFigures]:
        """Every queue of the pipeline; none where there is no broker. Raises QueueUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One bulk run by its id: its state, how many of its items stand where, and when its window ends."""

    id: str
    state: str
    items: Mapping[str, int]
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feeds:
    """What bulk runs and triggers bring in: today's runs, whether their window is open, events laid aside."""

    runs: Sequence[RunFigures] = field(default=())
    window_open: bool | None = None
    parked_events: int | None = None


class FeedsSource(Protocol):
    """Where the figures of bulk runs and triggers come from. Safe between threads."""

    def __call__(self, *, day_began: datetime) -> Feeds:
        """What there is. Raises DatabaseUnavailable."""
        ...
