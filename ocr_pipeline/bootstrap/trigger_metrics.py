"""What S3 triggers count, in Prometheus' terms. Labels are names of the settings, outcomes and codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ocr_pipeline import logs
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.triggers.handle import TriggerObserver
from ocr_pipeline.triggers.take import Outcome

_log = logs.get(__name__)


class TriggerMetrics(TriggerObserver):
    """Counts what becomes of events, and logs what a person may have to look at."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "ocr_trigger_events", "S3 events, by what became of them.", ["source", "outcome"], registry=registry
        )
        self._failures = Counter(
            "ocr_trigger_failures", "Tries to take an object that failed.", ["source", "code"], registry=registry
        )

    def settled(self, source: str, outcome: Outcome) -> None:
        """As TriggerObserver."""
        self._events.labels(source, outcome.value).inc()
        write = _log.warning if outcome in {Outcome.PARKED, Outcome.OVERSIZE, Outcome.REFUSED} else _log.debug
        write("S3 event", source=source, outcome=outcome.value)

    def failed(self, source: str, code: str) -> None:
        """As TriggerObserver."""
        self._failures.labels(source, code).inc()
        _log.warning("an object could not be taken and comes again", source=source, code=code)


class HeldCollector(Collector):
    """Shows how many events wait and are parked whenever Prometheus asks."""

    def __init__(self, counts: Callable[[], tuple[int, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Nothing while the database does not answer."""
        try:
            waiting, parked = self._counts()
        except PipelineError:
            return
        yield GaugeMetricFamily("ocr_trigger_waiting", "Events received over HTTP that wait.", waiting)
        yield GaugeMetricFamily("ocr_trigger_parked", "Events that could not be used.", parked)
