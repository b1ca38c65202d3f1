"""The snapshot in Prometheus' terms: what the whole pipeline holds, as its database and broker say.

One exporter tells of the whole; what single processes count stands in `telemetry` and in the gateway. Labels are
states, classes, lanes and codes, never ids and nothing of a document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority, Stage, lane
from ocr_pipeline.operations.snapshot import Snapshot
from ocr_pipeline.ports.figures import Feeds, Figures, LaneFigures

_SOURCES = ("database", "broker", "feeds")


class SnapshotCollector(Collector):
    """Tells of the present snapshot whenever Prometheus asks. A source that is away leaves its metrics out."""

    def __init__(self, take: Callable[[], Snapshot]) -> None:
        self._take = take

    def describe(self) -> Iterable[Metric]:
        """Nothing: asking would cost a look at the database before anybody wants it."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family of which something is known."""
        snapshot = self._take()
        up = GaugeMetricFamily("ocr_source_up", "1 where a source of these figures answers.", labels=["source"])
        for source in _SOURCES:
            if source != "feeds" or snapshot.feeds is not None or source in snapshot.missing:
                up.add_metric([source], float(source not in snapshot.missing))
        yield up
        if snapshot.figures is not None:
            yield from _of_figures(snapshot.figures, snapshot.taken_at)
        if snapshot.lanes is not None:
            yield from _of_lanes(snapshot.lanes)
        if snapshot.feeds is not None:
            yield from _of_feeds(snapshot.feeds)


def _of_figures(figures: Figures, now: datetime) -> Iterator[Metric]:
    yield _documents(figures)
    yield _pages(figures)
    yield _oldest(figures, now)
    yield from _waiting(figures)
    backlog = GaugeMetricFamily("ocr_review_backlog", "Review items that wait for a person.", labels=["class"])
    opened = [each.oldest for each in figures.reviews.values() if each.oldest is not None]
    for priority, each in figures.reviews.items():
        backlog.add_metric([priority.label], each.items)
    yield backlog
    yield GaugeMetricFamily(
        "ocr_review_oldest_seconds", "How long the oldest review item has waited.", _age(min(opened, default=None), now)
    )
    settled = GaugeMetricFamily("ocr_pages_settled", "Pages settled within so many minutes.", labels=["minutes"])
    for minutes, many in zip(("1", "5", "60"), _spans(figures), strict=True):
        settled.add_metric([minutes], many)
    yield settled
    refused = GaugeMetricFamily(
        "ocr_refused_documents", "Documents received today and refused, by code.", labels=["code"]
    )
    for code, many in figures.refusals.items():
        refused.add_metric([code], many)
    yield refused
    yield GaugeMetricFamily("ocr_audit_events", "Audit events since the day began.", figures.audit_events)
    since_last = GaugeMetricFamily("ocr_audit_age_seconds", "Time since the last audit event, where there was one.")
    if figures.last_audit_event is not None:
        since_last.add_metric([], _age(figures.last_audit_event, now))
    yield since_last


def _documents(figures: Figures) -> Metric:
    family = GaugeMetricFamily(
        "ocr_documents", "Documents: open ones however old, ended ones of today.", labels=["state"]
    )
    for state in DocumentState:
        family.add_metric([state.value], figures.open_documents.get(state, figures.today[state]))
    return family


def _pages(figures: Figures) -> Metric:
    family = GaugeMetricFamily(
        "ocr_pages",
        "Pages: queued and in review however old, ended ones of today's documents.",
        labels=["state", "class"],
    )
    open_ones = {
        PageState.QUEUED: {priority: each.pages for priority, each in figures.waiting.items()},
        PageState.IN_REVIEW: {priority: each.items for priority, each in figures.reviews.items()},
    }
    for (state, priority), many in figures.pages_today.items():
        family.add_metric([state.value, priority.label], open_ones.get(state, {}).get(priority, many))
    return family


def _oldest(figures: Figures, now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "ocr_lane_oldest_seconds", "Time since the oldest document with work in a lane was received.", labels=["lane"]
    )
    for priority, each in figures.waiting.items():
        family.add_metric([lane(Stage.INTAKE, priority)], _age(each.oldest_document, now))
        family.add_metric([lane(Stage.RECOGNITION, priority)], _age(each.oldest_page, now))
    return family


def _waiting(figures: Figures) -> Iterator[Metric]:
    kinds: tuple[tuple[str, str, Callable[[Priority], int]], ...] = (
        ("ocr_pages_retrying", "Queued pages that were tried before.", lambda each: figures.waiting[each].retrying),
        ("ocr_pages_delayed", "Queued pages whose next try is not due.", lambda each: figures.waiting[each].delayed),
        ("ocr_pages_quarantined", "Queued pages tried alone.", lambda each: figures.waiting[each].quarantined),
    )
    for name, told, many in kinds:
        family = GaugeMetricFamily(name, told, labels=["class"])
        for priority in Priority:
            family.add_metric([priority.label], many(priority))
        yield family


def _of_lanes(lanes: Iterable[LaneFigures]) -> Iterator[Metric]:
    depth = GaugeMetricFamily("ocr_lane_depth", "Messages ready for delivery.", labels=["stage", "lane"])
    consumers = GaugeMetricFamily("ocr_lane_consumers", "Workers that take from a lane.", labels=["stage", "lane"])
    in_hand = GaugeMetricFamily("ocr_lane_in_hand", "Messages in workers' hands.", labels=["stage", "lane"])
    for each in lanes:
        labels = [each.name.partition(".")[0], each.name]
        depth.add_metric(labels, each.ready)
        consumers.add_metric(labels, each.consumers)
        if each.unacked is not None:
            in_hand.add_metric(labels, each.unacked)
    yield from (depth, consumers, in_hand)


def _of_feeds(feeds: Feeds) -> Iterator[Metric]:
    items = GaugeMetricFamily("ocr_bulk_run_items", "Items of today's bulk runs.", labels=["state"])
    total: dict[str, int] = {}
    for run in feeds.runs:
        for state, many in run.items.items():
            total[state] = total.get(state, 0) + many
    for state, many in total.items():
        items.add_metric([state], many)
    yield items
    if feeds.window_open is not None:
        yield GaugeMetricFamily("ocr_bulk_window_open", "1 while bulk runs hand out.", float(feeds.window_open))


def _spans(figures: Figures) -> tuple[int, int, int]:
    return figures.settled.last_minute, figures.settled.last_5_minutes, figures.settled.last_hour


def _age(since: datetime | None, now: datetime) -> float:
    """Seconds, none where nothing waits."""
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
