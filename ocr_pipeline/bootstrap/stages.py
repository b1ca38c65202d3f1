"""The stages as workers run them, each with no more of the world than it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from prometheus_client import CollectorRegistry

from ocr_pipeline.adapters.clock import RandomIds, SystemClock
from ocr_pipeline.bootstrap import adapters, engines
from ocr_pipeline.bootstrap.configuration import engine_configuration
from ocr_pipeline.bootstrap.metrics_server import collected, serve_metrics, shared_folder
from ocr_pipeline.bootstrap.page_cache import recall_pages
from ocr_pipeline.bootstrap.stage_metrics import FlowMetrics, GateMetrics, MeasuredRecognition, StageMetrics
from ocr_pipeline.domain.messages import IntakeTask, Report
from ocr_pipeline.domain.retries import RetryRules
from ocr_pipeline.domain.verdicts import VerdictRules
from ocr_pipeline.flow.dispatch import Dispatcher
from ocr_pipeline.flow.observer import FlowObserver
from ocr_pipeline.intake.admit import AdmissionRules, AdmitDocument
from ocr_pipeline.operations.reconcile import Reconcile, Reconciled
from ocr_pipeline.ports.documents import DocumentOpener
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.recognition.assess import AssessmentRules, AssessPage
from ocr_pipeline.recognition.gate import GateObserver
from ocr_pipeline.recognition.recognise import RecognisePage
from ocr_pipeline.results.apply import Applied, ApplyReport
from ocr_pipeline.settings import Settings

_PORT = "worker.metrics_port"


@contextmanager
def intake_stage(settings: Settings) -> Iterator[Callable[[IntakeTask], None]]:
    """Intake over the settings' database, store, keys and broker."""
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        records.check()
        dispatcher = Dispatcher(adapters.broker_queue(settings, stack), records)
        store = adapters.object_store(settings, stack)
        vault = adapters.vault(settings, adapters.key_provider(settings, stack))
        registry = metrics_registry(settings, stack)
        admit = admit_document(settings, records, store, vault, dispatcher, stack, registry)
        yield StageMetrics(registry).around("intake", admit)


@contextmanager
def recognition_stage(settings: Settings) -> Iterator[MeasuredRecognition]:
    """Recognition over the settings' store, keys and engine. It neither has nor asks for a database."""
    with ExitStack() as stack:
        vault = adapters.vault(settings, adapters.key_provider(settings, stack))
        registry = metrics_registry(settings, stack)
        engine = engines.engine(settings, stack, registry)
        store = adapters.object_store(settings, stack)
        recognise = recognise_page(settings, store, vault, engine, GateMetrics(registry))
        yield MeasuredRecognition(recognise, StageMetrics(registry))


def metrics_registry(settings: Settings, stack: ExitStack) -> CollectorRegistry:
    """What a worker counts; Prometheus may ask for it where `worker.metrics_port` is set.

    Where the processes of a worker count together, the first of them serves for all: see `worker_metrics`. Raises
    ConfigurationError where the port is taken.
    """
    registry = CollectorRegistry()
    port = settings.worker.metrics_port
    if port is not None and shared_folder() is None:
        serve_metrics(registry, port, stack, what=_PORT)
    return registry


@contextmanager
def worker_metrics(settings: Settings) -> Iterator[None]:
    """What all processes of a worker count, served by the one that started them while the block lasts."""
    with ExitStack() as stack:
        port = settings.worker.metrics_port
        if port is not None and shared_folder() is not None:
            serve_metrics(collected(CollectorRegistry()), port, stack, what=_PORT)
        yield


@contextmanager
def results_stage(settings: Settings) -> Iterator[Callable[[Report], Applied]]:
    """Results over the settings' database and broker. It can open nothing: texts stay sealed."""
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        records.check()
        registry = metrics_registry(settings, stack)
        dispatcher = Dispatcher(adapters.broker_queue(settings, stack), records)
        apply = apply_report(settings, records, dispatcher, FlowMetrics(registry))
        yield StageMetrics(registry).around("results", apply)


@contextmanager
def reconcile_stage(settings: Settings) -> Iterator[Callable[[], Reconciled]]:
    """The sweep over the settings' database and broker."""
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        records.check()
        sweep = reconcile(settings, records, Dispatcher(adapters.broker_queue(settings, stack), records))
        yield StageMetrics(metrics_registry(settings, stack)).around("maintenance", sweep)


@contextmanager
def reader(settings: Settings) -> Iterator[tuple[Engine, DocumentOpener]]:
    """Engine and opener alone, to read files without keeping anything."""
    with ExitStack() as stack:
        yield engines.engine(settings, stack), adapters.opener(settings, stack)


def lease(settings: Settings) -> timedelta:
    """How long a reviewer's claim holds."""
    return timedelta(minutes=settings.review.lease_minutes)


def admit_document(
    settings: Settings,
    records: Records,
    store: ObjectStore,
    vault: Vault,
    dispatcher: Dispatcher,
    stack: ExitStack,
    registry: CollectorRegistry | None = None,
) -> AdmitDocument:
    """The intake use case. What it counts goes into `registry`."""
    return AdmitDocument(
        records,
        store,
        vault,
        adapters.opener(settings, stack),
        dispatcher,
        SystemClock(),
        RandomIds(),
        AdmissionRules(settings.intake.max_attempts, settings.enable_human_review_routing),
        recall_pages(settings, records, vault, registry),
        None if registry is None else FlowMetrics(registry),
    )


def recognise_page(
    settings: Settings, store: ObjectStore, vault: Vault, engine: Engine, gate_observer: GateObserver | None = None
) -> RecognisePage:
    """The recognition use case."""
    return RecognisePage(
        store,
        vault,
        engine,
        AssessPage(AssessmentRules()),
        SystemClock(),
        timeout=settings.request_timeout_seconds,
        max_attempts=settings.retry.max_attempts,
        configuration=engine_configuration(settings),
        gate_observer=gate_observer,
    )


def apply_report(
    settings: Settings, records: Records, dispatcher: Dispatcher, observer: FlowObserver | None = None
) -> ApplyReport:
    """The results use case."""
    retry = settings.retry
    return ApplyReport(
        records,
        dispatcher,
        SystemClock(),
        RandomIds(),
        VerdictRules(settings.min_confidence_threshold, settings.enable_human_review_routing),
        RetryRules(
            max_attempts=retry.max_attempts,
            first_delay=retry.first_delay_seconds,
            longest_delay=retry.longest_delay_seconds,
            outage_delay=retry.outage_delay_seconds,
            max_suspicions=retry.max_suspicions,
            review=settings.enable_human_review_routing,
        ),
        remember=settings.gateway.response_cache,
        observer=observer,
    )


def reconcile(settings: Settings, records: Records, dispatcher: Dispatcher) -> Reconcile:
    """The sweep."""
    stalled_after = timedelta(seconds=settings.reconcile.stalled_after_seconds)
    return Reconcile(records, dispatcher, SystemClock(), stalled_after)
