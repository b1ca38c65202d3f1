"""What a recognition worker counts, in Prometheus' terms.

Labels are servers, guards and codes; never anything of a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ocr_pipeline import logs
from ocr_pipeline.recognition.agreement.agreement import Agreement
from ocr_pipeline.recognition.agreement.observer import CrossCheckObserver, Outcome
from ocr_pipeline.recognition.generative.observer import ReadingObserver
from ocr_pipeline.recognition.pool.observer import OutlierReason, PoolObserver, PoolSnapshot, ServerState

_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 60.0)

_log = logs.get(__name__)


class ReadingMetrics(ReadingObserver):
    """Counts guards, generations and tokens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._guards = Counter("ocr_guard_spoke", "Readings against which a guard spoke.", ["guard"], registry=registry)
        self._tokens = Counter("ocr_tokens", "Tokens taken in and written.", ["kind"], registry=registry)
        self._cut = Counter("ocr_generations_cut", "Generations cut short by a guard.", registry=registry)
        self._seconds = Histogram(
            "ocr_generation_seconds", "Seconds of a page's generation.", buckets=_SECONDS, registry=registry
        )

    def guard_spoke(self, name: str) -> None:
        """As ReadingObserver."""
        self._guards.labels(name).inc()

    def generated(self, *, prompt_tokens: int, completion_tokens: int, seconds: float) -> None:
        """As ReadingObserver."""
        self._tokens.labels("prompt").inc(prompt_tokens)
        self._tokens.labels("completion").inc(completion_tokens)
        self._seconds.observe(seconds)

    def cut(self, *, tokens: int) -> None:
        """As ReadingObserver."""
        self._cut.inc()
        self._tokens.labels("cut").inc(tokens)


class CrossCheckMetrics(CrossCheckObserver):
    """Counts what came of cross-checks."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._outcomes = Counter(
            "ocr_cross_checks", "Pages, by what became of their cross-check.", ["outcome"], registry=registry
        )
        self._failures = Counter(
            "ocr_second_reader_failures", "Failures of the second reader.", ["kind"], registry=registry
        )

    def settled(self, outcome: Outcome, agreement: Agreement | None) -> None:
        """As CrossCheckObserver."""
        del agreement
        self._outcomes.labels(outcome.value).inc()

    def second_reader_failed(self, kind: str) -> None:
        """As CrossCheckObserver."""
        self._failures.labels(kind).inc()


class PoolMetrics(PoolObserver):
    """Counts and logs what befalls servers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._failures = Counter(
            "ocr_server_page_failures", "Pages that failed on a healthy server.", ["server", "code"], registry=registry
        )
        self._failovers = Counter(
            "ocr_server_failovers", "Pages that went on to another server.", ["server", "code"], registry=registry
        )
        self._blamed = Counter("ocr_pages_blamed", "Pages held to bring servers down.", registry=registry)
        self._ejections = Counter(
            "ocr_server_ejections",
            "Servers set aside for being unlike the others.",
            ["server", "reason"],
            registry=registry,
        )
        self._sources = Counter(
            "ocr_server_source_failures", "Times the list of servers was not to be had.", ["code"], registry=registry
        )

    def state_changed(self, server: str, state: ServerState) -> None:
        """As PoolObserver."""
        write = _log.warning if state is ServerState.ILL else _log.info
        write("model server changed", server=server, state=state.value)

    def page_failed(self, server: str, code: str) -> None:
        """As PoolObserver."""
        self._failures.labels(server, code).inc()

    def failed_over(self, server: str, code: str) -> None:
        """As PoolObserver."""
        self._failovers.labels(server, code).inc()

    def page_blamed(self, server: str) -> None:
        """As PoolObserver."""
        self._blamed.inc()
        _log.warning("a page was in hand when several servers fell ill", server=server)

    def ejected(self, server: str, reason: OutlierReason, seconds: float) -> None:
        """As PoolObserver."""
        self._ejections.labels(server, reason.value).inc()
        _log.warning("model server set aside", server=server, reason=reason.value, seconds=round(seconds, 1))

    def source_failed(self, code: str) -> None:
        """As PoolObserver."""
        self._sources.labels(code).inc()
        _log.warning("the list of model servers could not be had", code=code)

    def address_refused(self, code: str) -> None:
        """As PoolObserver."""
        _log.error("the list of model servers holds what is no address", code=code)


class PoolCollector(Collector):
    """Shows a pool as it stands whenever Prometheus asks."""

    def __init__(self, snapshot: Callable[[], PoolSnapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The waiting line, and for each server its state and load."""
        pool = self._snapshot()
        yield GaugeMetricFamily("ocr_pages_waiting_for_server", "Pages that wait for a server.", pool.waiting)
        states = GaugeMetricFamily("ocr_server_state", "1 for the state a server is in.", labels=["server", "state"])
        load = GaugeMetricFamily("ocr_server_load_score", "Load score, lower is freer.", labels=["server"])
        in_flight = GaugeMetricFamily("ocr_server_pages_in_flight", "Pages this worker has there.", labels=["server"])
        for server in pool.servers:
            for state in ServerState:
                states.add_metric([server.id, state.value], float(server.state is state))
            load.add_metric([server.id], server.score)
            in_flight.add_metric([server.id], server.in_flight)
        yield from (states, load, in_flight)
