"""What the stages count, in Prometheus' terms. Labels are stages, classes and codes, never anything of a document."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.domain.messages import PageFailed, PageRead, RecognitionTask, Report
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.flow.observer import FlowObserver
from ocr_pipeline.operations.reconcile import Reconciled
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.recognition.gate import GateObserver
from ocr_pipeline.recognition.recognise import RecognisePage
from ocr_pipeline.results.apply import Applied

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 60.0)
_DOCUMENT_SECONDS = (0.5, 1.0, 2.0, 2.5, 3.0, 5.0, 8.0, 12.0, 20.0, 60.0, 300.0, 1800.0, 7200.0, 28800.0, 86400.0)
"""With every bound of the response-time targets among them."""

_WAITS = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 120.0, 600.0)
_CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 1.0)


class StageMetrics:
    """How long each piece of work takes and how it ends, by stage."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "ocr_stage_seconds", "Seconds of one piece of work.", ["stage"], buckets=_SECONDS, registry=registry
        )
        self._outcomes = Counter(
            "ocr_stage_outcomes", "Pieces of work, by how they ended.", ["stage", "outcome"], registry=registry
        )

    def around(self, stage: str, work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """The same work, counted and timed."""

        def measured(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
            began = perf_counter()
            try:
                result = work(*arguments, **named)
            except PipelineError as error:
                self._ended(stage, error.code, began)
                raise
            self._ended(stage, _outcome(result), began)
            return result

        return measured

    def _ended(self, stage: str, outcome: str, began: float) -> None:
        self._seconds.labels(stage).observe(perf_counter() - began)
        self._outcomes.labels(stage, outcome).inc()


class MeasuredRecognition:
    """The recognition stage, counted and timed."""

    def __init__(self, recognise: RecognisePage, metrics: StageMetrics) -> None:
        self.engine: Engine = recognise.engine
        self.gate_observer = recognise.gate_observer
        self._recognise: Callable[[RecognitionTask], Report] = metrics.around("recognition", recognise)

    def __call__(self, task: RecognitionTask) -> Report:
        """As RecognisePage."""
        return self._recognise(task)


class FlowMetrics(FlowObserver):
    """What becomes of pages and documents."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refusals = Counter("ocr_refusals", "Documents that intake refused.", ["code"], registry=registry)
        self._failures = Counter("ocr_pages_failed", "Readings that failed.", ["code"], registry=registry)
        self._settled = Counter("ocr_pages_done", "Pages that machines were done with.", ["state"], registry=registry)
        self._confidence = Histogram(
            "ocr_page_confidence", "Confidence of pages that were read.", buckets=_CONFIDENCES, registry=registry
        )
        self._documents = Histogram(
            "ocr_document_seconds",
            "Seconds from a document's receipt to its last page.",
            ["kind", "class"],
            buckets=_DOCUMENT_SECONDS,
            registry=registry,
        )

    def refused(self, code: str) -> None:
        """As FlowObserver."""
        self._refusals.labels(code).inc()

    def reading_failed(self, code: str) -> None:
        """As FlowObserver."""
        self._failures.labels(code).inc()

    def page_settled(self, state: PageState, confidence: float | None) -> None:
        """As FlowObserver."""
        self._settled.labels(state.value).inc()
        if confidence is not None:
            self._confidence.observe(confidence)

    def document_settled(self, document: Document, seconds: float) -> None:
        """As FlowObserver."""
        self._documents.labels(document.kind.value, document.priority.label).observe(seconds)


class GateMetrics(GateObserver):
    """How long pages wait for their turn at the engine."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waits = Histogram(
            "ocr_gate_wait_seconds", "Seconds at the gate.", ["class"], buckets=_WAITS, registry=registry
        )

    def admitted(self, priority: Priority, waited: float) -> None:
        """As GateObserver."""
        self._waits.labels(priority.label).observe(waited)


def _outcome(result: object) -> str:
    match result:
        case PageRead():
            return "blank" if result.blank else "read"
        case PageFailed():
            return result.failure.code
        case Applied():
            return result.value
        case Reconciled():
            return "complete" if result.complete else "broker_away"
        case _:
            return "done"
