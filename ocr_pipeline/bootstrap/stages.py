"""The stages as workers run them, each with no more of the world than it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from prometheus_client import CollectorRegistry, start_http_server

from ocr_pipeline.adapters.clock import RandomIds, SystemClock
from ocr_pipeline.bootstrap import adapters, engines
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.retries import RetryRules
from ocr_pipeline.domain.verdicts import VerdictRules
from ocr_pipeline.flow.dispatch import Dispatcher
from ocr_pipeline.intake.admit import AdmissionRules, AdmitDocument
from ocr_pipeline.operations.reconcile import Reconcile
from ocr_pipeline.ports.documents import DocumentOpener
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.recognition.assess import AssessmentRules, AssessPage
from ocr_pipeline.recognition.recognise import RecognisePage
from ocr_pipeline.results.apply import ApplyReport
from ocr_pipeline.settings import Settings


@contextmanager
def intake_stage(settings: Settings) -> Iterator[AdmitDocument]:
    """Intake over the settings' database, store, keys and broker."""
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        records.check()
        dispatcher = Dispatcher(adapters.broker_queue(settings, stack), records)
        store = adapters.object_store(settings, stack)
        vault = adapters.vault(settings, adapters.key_provider(settings, stack))
        yield admit_document(settings, records, store, vault, dispatcher, stack)


@contextmanager
def recognition_stage(settings: Settings) -> Iterator[RecognisePage]:
    """Recognition over the settings' store, keys and engine. It neither has nor asks for a database."""
    with ExitStack() as stack:
        vault = adapters.vault(settings, adapters.key_provider(settings, stack))
        engine = engines.engine(settings, stack, metrics_registry(settings, stack))
        yield recognise_page(settings, adapters.object_store(settings, stack), vault, engine)


def metrics_registry(settings: Settings, stack: ExitStack) -> CollectorRegistry:
    """What the engine counts; Prometheus may ask for it where `worker.metrics_port` is set.

    Raises ConfigurationError where the port is taken.
    """
    registry = CollectorRegistry()
    port = settings.worker.metrics_port
    if port is not None:
        try:
            server, thread = start_http_server(port, registry=registry)
        except OSError:
            raise ConfigurationError("worker.metrics_port is taken or may not be used") from None
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
    return registry


@contextmanager
def results_stage(settings: Settings) -> Iterator[ApplyReport]:
    """Results over the settings' database and broker. It can open nothing: texts stay sealed."""
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        records.check()
        yield apply_report(settings, records, Dispatcher(adapters.broker_queue(settings, stack), records))


@contextmanager
def reconcile_stage(settings: Settings) -> Iterator[Reconcile]:
    """The sweep over the settings' database and broker."""
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        records.check()
        yield reconcile(settings, records, Dispatcher(adapters.broker_queue(settings, stack), records))


@contextmanager
def reader(settings: Settings) -> Iterator[tuple[Engine, DocumentOpener]]:
    """Engine and opener alone, to read files without keeping anything."""
    with ExitStack() as stack:
        yield engines.engine(settings, stack), adapters.opener(settings, stack)


def lease(settings: Settings) -> timedelta:
    """How long a reviewer's claim holds."""
    return timedelta(minutes=settings.review.lease_minutes)


def admit_document(
    settings: Settings, records: Records, store: ObjectStore, vault: Vault, dispatcher: Dispatcher, stack: ExitStack
) -> AdmitDocument:
    """The intake use case."""
    return AdmitDocument(
        records,
        store,
        vault,
        adapters.opener(settings, stack),
        dispatcher,
        SystemClock(),
        RandomIds(),
        AdmissionRules(settings.intake.max_attempts, settings.enable_human_review_routing),
    )


def recognise_page(settings: Settings, store: ObjectStore, vault: Vault, engine: Engine) -> RecognisePage:
    """The recognition use case."""
    return RecognisePage(
        store,
        vault,
        engine,
        AssessPage(AssessmentRules()),
        SystemClock(),
        timeout=settings.request_timeout_seconds,
        max_attempts=settings.retry.max_attempts,
    )


def apply_report(settings: Settings, records: Records, dispatcher: Dispatcher) -> ApplyReport:
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
    )


def reconcile(settings: Settings, records: Records, dispatcher: Dispatcher) -> Reconcile:
    """The sweep."""
    stalled_after = timedelta(seconds=settings.reconcile.stalled_after_seconds)
    return Reconcile(records, dispatcher, SystemClock(), stalled_after)
