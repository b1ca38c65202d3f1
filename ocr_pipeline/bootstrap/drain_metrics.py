"""Predicted drain times and the instances they ask for, from the snapshot: what autoscaling goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ocr_pipeline.capacity.autoscaling import Bounds
from ocr_pipeline.capacity.drain import Backlog, DrainRules, drain_seconds, wanted_instances
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.operations.snapshot import Snapshot
from ocr_pipeline.ports.figures import ARRIVALS, Figures
from ocr_pipeline.settings import Settings

_LEAST_SECONDS = 5.0
_SETTLED_OVER = 300.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """What scaling reckons with: bounds, pages at once in an instance, seconds a page where none was read lately.

    `within` holds the seconds within which urgent, routine and bulk pages should be done.
    """

    bounds: Bounds
    concurrency: int
    page_seconds: float
    within: tuple[float, float, float]

    @classmethod
    def of(cls, settings: Settings) -> Fleet:
        """As the settings have it."""
        scaling = settings.scaling
        return cls(
            Bounds(scaling.min_instances, scaling.max_instances, scaling.cooldown_seconds),
            settings.slots,
            scaling.page_seconds,
            (scaling.urgent_seconds, scaling.routine_seconds, scaling.bulk_seconds),
        )


class DrainCollector(Collector):
    """Tells how long what waits will take, and how many instances would be in time. Nothing without the database."""

    def __init__(self, take: Callable[[], Snapshot], fleet: Fleet) -> None:
        self._take = take
        self._fleet = fleet

    def describe(self) -> Iterable[Metric]:
        """Nothing: asking would cost a look at the database before anybody wants it."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Both families."""
        snapshot = self._take()
        figures, fleet = snapshot.figures, self._fleet
        if figures is None:
            return
        each = fleet.concurrency / _page_seconds(figures, fleet)
        backlogs = [_backlog(figures, priority, self._left(snapshot, figures, priority)) for priority in Priority]
        # How many instances run is not known here: what they did lately is, and what the fewest can do.
        throughput = max(figures.settled.last_5_minutes / _SETTLED_OVER, each * fleet.bounds.fewest)
        drained = GaugeMetricFamily(
            "ocr_drain_seconds", "Predicted time until the last page that waits now is done.", labels=["class"]
        )
        for priority, seconds in drain_seconds(backlogs, throughput).items():
            drained.add_metric([priority.label], seconds)
        yield drained
        wanted = wanted_instances(backlogs, each, DrainRules(fleet.bounds))
        yield GaugeMetricFamily("ocr_wanted_instances", "Model servers that would be in time for every class.", wanted)

    def _left(self, snapshot: Snapshot, figures: Figures, priority: Priority) -> float:
        """Seconds that the oldest page of a class has left; bulk also ends with the window of its run."""
        oldest = figures.waiting[priority].oldest_page
        age = 0.0 if oldest is None else (snapshot.taken_at - oldest).total_seconds()
        left = self._fleet.within[priority] - age
        ends = _window_end(snapshot) if priority is Priority.BULK else None
        if ends is not None:
            left = min(left, (ends - snapshot.taken_at).total_seconds())
        return max(left, _LEAST_SECONDS)


def _backlog(figures: Figures, priority: Priority, left: float) -> Backlog:
    waiting = figures.waiting[priority]
    arriving = figures.arrived[priority] / ARRIVALS.total_seconds()
    return Backlog(priority, max(waiting.pages - waiting.delayed, 0), arriving, left)


def _page_seconds(figures: Figures, fleet: Fleet) -> float:
    """Mean seconds a page within the last hour, over all engines."""
    timed = [(each.pages, each.seconds) for each in figures.engines if each.seconds]
    pages = sum(many for many, _ in timed)
    return sum(many * seconds for many, seconds in timed) / pages if pages else fleet.page_seconds


def _window_end(snapshot: Snapshot) -> datetime | None:
    runs = () if snapshot.feeds is None else snapshot.feeds.runs
    return min((run.ends_at for run in runs if run.state == "running" and run.ends_at is not None), default=None)
