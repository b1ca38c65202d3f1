"""The supervisor's figures in Prometheus' terms, read from its status when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ocr_pipeline.adapters.engines.serve.status import Fault, ServeState, Status

_PREFIX = "ocr_model_server"


class StatusCollector(Collector):
    """Tells a status as metrics. Labels are states and kinds of faults alone."""

    def __init__(self, status: Status, withheld: Callable[[], int]) -> None:
        self._status = status
        self._withheld = withheld

    def collect(self) -> Iterable[Metric]:
        """The figures as they are now."""
        status = self._status
        yield GaugeMetricFamily(f"{_PREFIX}_ready", "1 while pages may be sent.", value=float(status.ready))
        states = GaugeMetricFamily(f"{_PREFIX}_state", "1 for the state the supervisor is in.", labels=["state"])
        for state in ServeState:
            states.add_metric([state.value], float(state is status.state))
        yield states
        faults = CounterMetricFamily(
            f"{_PREFIX}_faults", "Ends of the server that nobody had asked for.", labels=["fault"]
        )
        for fault in Fault:
            faults.add_metric([fault.value], status.faults[fault])
        yield faults
        yield CounterMetricFamily(
            f"{_PREFIX}_withheld_lines", "Lines of its output that were not told.", value=self._withheld()
        )
        if status.reading_seconds is not None:
            yield GaugeMetricFamily(
                f"{_PREFIX}_reading_seconds", "What the last good reading took.", value=status.reading_seconds
            )
        if status.seconds_since_reading is not None:
            yield GaugeMetricFamily(
                f"{_PREFIX}_reading_age_seconds", "Age of the last good reading.", value=status.seconds_since_reading
            )


def registry_of(status: Status, withheld: Callable[[], int]) -> CollectorRegistry:
    """A registry of its own with these figures; `withheld` counts lines of output that were not told."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(status, withheld))
    return registry
