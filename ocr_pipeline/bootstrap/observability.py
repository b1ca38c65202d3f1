"""What operators watch, wired: the snapshot over database and broker, and the exporter that tells Prometheus of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.adapters.postgres.figures import PostgresFigures
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.bootstrap import adapters
from ocr_pipeline.operations.feeds import LookAtFeeds
from ocr_pipeline.operations.snapshot import TakeSnapshot
from ocr_pipeline.ports.figures import FeedsSource, LaneFigures, LanesSource
from ocr_pipeline.settings import Settings

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


def take_snapshot(
    settings: Settings, records: PostgresRecords, stack: ExitStack, *, feeds: FeedsSource | None = None
) -> TakeSnapshot:
    """The snapshot over open records. What must be closed is handed to the stack."""
    watch, clock = settings.observability, SystemClock()
    return TakeSnapshot(
        PostgresFigures(records.engine),
        lanes(settings, stack),
        clock,
        ZoneInfo(watch.time_zone),
        feeds=feeds or LookAtFeeds(records, clock),
        fresh_seconds=watch.fresh_seconds,
    )


def lanes(settings: Settings, stack: ExitStack) -> LanesSource:
    """The lanes of the settings' broker; none without one, as what waits is then in Postgres alone."""
    if settings.broker.url is None:
        return _no_lanes
    from ocr_pipeline.adapters.queues.lane_figures import DeclaredLanes, ManagedLanes

    broker_url = settings.broker.url.get_secret_value()
    management_url = settings.observability.management_url
    if management_url is None:
        declared = DeclaredLanes(broker_url, adapters.topology(settings))
        stack.callback(declared.close)
        return declared
    managed = ManagedLanes(management_url.get_secret_value(), broker_url)
    stack.callback(managed.close)
    return managed


@contextmanager
def exporter(
    settings: Settings, host: str, port: int, *, more: Sequence[Collector] = (), feeds: FeedsSource | None = None
) -> Iterator[int]:
    """The exporter, serving while the block lasts; gives its port (a free one for 0). `more` tell of other things.

    Raises ConfigurationError where the port cannot be had, and what adapters raise that cannot work.
    """
    from prometheus_client import CollectorRegistry

    from ocr_pipeline.bootstrap.drain_metrics import DrainCollector, Fleet
    from ocr_pipeline.bootstrap.metrics_server import serve_metrics
    from ocr_pipeline.bootstrap.pipeline_metrics import SnapshotCollector

    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        registry = CollectorRegistry()
        take = take_snapshot(settings, records, stack, feeds=feeds)
        for collector in (SnapshotCollector(take), DrainCollector(take, Fleet.of(settings)), *more):
            registry.register(collector)
        yield serve_metrics(registry, port, stack, host=host, what="the exporter's port")


def _no_lanes() -> Sequence[LaneFigures]:
    return ()
