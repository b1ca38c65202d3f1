"""The figures of a run, from its rows alone: they are the same whoever asks, and whenever after its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from ocr_pipeline.bulk.sealed import open_about
from ocr_pipeline.domain.bulk import OPEN_ITEMS, BulkRun, ItemState, RunId, RunState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.bulk import Throughput
from ocr_pipeline.ports.bulk_report import Cost, Forecast, Prices, RunReport, SlowItem
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault

LATENCY_BOUNDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

_FINE, _COARSE = 5.0, 60.0
_SHORT_RUN = timedelta(hours=2)
"""Of shorter runs the speed is measured by stretches of five seconds, of longer ones by minutes."""

_BARS = 72
_STRETCHES = (
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    43200.0,
    86400.0,
)
_LATELY = 900.0
"""The forecast goes by the speed over so many busy seconds."""

_SEEN_BY_PEOPLE = (PageState.IN_REVIEW, PageState.CONFIRMED, PageState.CORRECTED, PageState.UNREADABLE)


@dataclass(frozen=True, slots=True)
class _Pace:
    """What was finished, by short stretches of equal length in which anything was."""

    stretch: float
    rows: Sequence[Throughput]

    @property
    def busy_seconds(self) -> float:
        return self.stretch * len(self.rows)

    @property
    def pages_per_second(self) -> float | None:
        return sum(row.pages for row in self.rows) / self.busy_seconds if self.rows else None

    @property
    def items_per_second(self) -> float | None:
        """Over the last quarter of an hour of work."""
        late = self.rows[-round(_LATELY / self.stretch) :]
        return sum(row.items for row in late) / (self.stretch * len(late)) if late else None


class MakeReport:
    """Makes reports. Safe between threads."""

    def __init__(self, records: Records, vault: Vault, clock: Clock, prices: Prices) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock
        self._prices = prices

    def __call__(self, run_id: RunId, *, slowest: int = 10) -> RunReport:
        """The report as of now. Raises NotFound, KeyUnavailable."""
        now = self._clock.now()
        with self._records() as uow:
            run = uow.bulk_runs.get(run_id)
            pace = self._pace(uow, run, now)
            tallies = uow.bulk_figures.tallies(run_id)
            pages = uow.bulk_figures.pages(run_id)
            latencies = uow.bulk_figures.latencies(run_id, LATENCY_BOUNDS)
            slow = self._slowest(uow, run_id, slowest)
            events = uow.bulk_runs.events(run_id)
        items = Counter(dict.fromkeys(ItemState, 0))
        for tally in tallies:
            items[tally.state] += tally.items
        stretch, throughput = _drawable(pace, run)
        return RunReport(
            run=run,
            label=open_about(self._vault, run).label,
            made_at=now,
            items=dict(items),
            tallies=tuple(tallies),
            pages=pages.states,
            review_share=_review_share(pages.states),
            busy_seconds=pace.busy_seconds,
            pages_per_second=pace.pages_per_second,
            stretch_seconds=stretch,
            throughput=throughput,
            latency_bounds=LATENCY_BOUNDS,
            latencies=tuple(latencies),
            slowest=slow,
            engine_seconds=pages.seconds,
            cost=self._cost(pace.busy_seconds),
            forecast=forecast(run, sum(items[state] for state in OPEN_ITEMS), pace.items_per_second, now),
            events=tuple(events),
        )

    @staticmethod
    def _pace(uow: UnitOfWork, run: BulkRun, now: datetime) -> _Pace:
        since = run.started_at or run.created_at
        stretch = _FINE if (run.ended_at or now) - since <= _SHORT_RUN else _COARSE
        return _Pace(stretch, uow.bulk_figures.throughput(run.id, seconds=stretch, since=since))

    @staticmethod
    def _slowest(uow: UnitOfWork, run_id: RunId, limit: int) -> tuple[SlowItem, ...]:
        items = uow.bulk_figures.slowest(run_id, limit)
        made = uow.bulk_items.segments(run_id, [item.number for item in items])
        return tuple(
            SlowItem(
                item.number,
                tuple(segment.document_id for segment in made if segment.number == item.number),
                item.pages or 0,
                item.seconds or 0.0,
            )
            for item in items
        )

    def _cost(self, busy_seconds: float) -> Cost | None:
        if self._prices.per_gpu_hour is None:
            return None
        hours = busy_seconds / 3600 * self._prices.gpus
        return Cost(hours * self._prices.per_gpu_hour, hours, self._prices)


def forecast(run: BulkRun, items_left: int, items_per_second: float | None, now: datetime) -> Forecast:
    """How a run will go on at a speed, within its window."""
    if run.state in {RunState.FINISHED, RunState.CANCELLED}:
        return Forecast(items_left)
    window = run.open_window
    shuts = None if window is None else window.closes_next(now)
    left = None if window is None else window.seconds_left(now)
    if not items_left or not items_per_second or run.state is not RunState.RUNNING:
        return Forecast(items_left, window_shuts=shuts, window_seconds_left=left)
    seconds = items_left / items_per_second
    expected = now + timedelta(seconds=seconds) if window is None else window.after_work(now, seconds)
    return Forecast(
        items_left,
        expected,
        shuts,
        left,
        in_window=None if shuts is None else expected <= shuts,
        in_time=None if run.deadline is None else expected <= run.deadline,
    )


def _review_share(pages: Mapping[PageState, int]) -> float | None:
    read = sum(number for state, number in pages.items() if state is not PageState.QUEUED)
    return sum(pages[state] for state in _SEEN_BY_PEOPLE) / read if read else None


def _drawable(pace: _Pace, run: BulkRun) -> tuple[float, tuple[Throughput, ...]]:
    """The same figures in at most so many longer stretches, empty ones among them."""
    if not pace.rows:
        return pace.stretch, ()
    since, last = run.started_at or run.created_at, pace.rows[-1].start
    span = (last - since).total_seconds() + pace.stretch
    day = _STRETCHES[-1]
    days = ceil(span / day / _BARS) * day
    stretch = next((each for each in _STRETCHES if each >= pace.stretch and span / each <= _BARS), days)
    items: Counter[int] = Counter()
    pages: Counter[int] = Counter()
    for row in pace.rows:
        # A clock that was set back may have let something end before the run began.
        place = max(0, int((row.start - since).total_seconds() // stretch))
        items[place] += row.items
        pages[place] += row.pages
    places = range(max(items) + 1)
    return stretch, tuple(
        Throughput(since + timedelta(seconds=place * stretch), items[place], pages[place]) for place in places
    )
