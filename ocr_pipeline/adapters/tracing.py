"""Traces across the stages: one for what a client asked for, carried along in message headers (W3C Trace Context).

Spans hold the names of stages, ids of documents, numbers of pages and codes, and nothing else. They leave in the
background; a collector that is away loses spans and holds nothing up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum

from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

_SECONDS = 5
_LONGEST_VALUE = 64


class Side(Enum):
    """Who a span belongs to: the one that was asked, or the one that takes a message."""

    SERVER = trace.SpanKind.SERVER
    CONSUMER = trace.SpanKind.CONSUMER


class Span:
    """A span under way."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, name: str, value: str | int) -> None:
        """Add an id, a number or a code."""
        self._span.set_attribute(f"ocr.{name}", value)

    def failed(self) -> None:
        """Mark it as failed; why stands in the log."""
        self._span.set_status(trace.StatusCode.ERROR)


class Tracing:
    """Makes spans and sends them to a collector (OTLP over HTTP). `close` sends what is left.

    `share` of the traces that begin here are kept; others follow whoever began them. `exporter` stands in for the
    collector.
    """

    def __init__(self, service: str, endpoint: str, share: float = 1.0, exporter: SpanExporter | None = None) -> None:
        address = f"{endpoint.rstrip('/')}/v1/traces"
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource({"service.name": f"ocr-pipeline-{service}"}),
            span_limits=SpanLimits(max_attributes=16, max_attribute_length=_LONGEST_VALUE),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter(address, timeout=_SECONDS)))
        self._tracer = self._provider.get_tracer("ocr_pipeline")

    @contextmanager
    def span(self, name: str, side: Side, carrier: Mapping[str, str]) -> Iterator[Span]:
        """A span within the block, after the one that the carrier's headers name. An error is noted by its type."""
        token = context.attach(propagate.extract(dict(carrier)))
        try:
            with self._tracer.start_as_current_span(
                name, kind=side.value, record_exception=False, set_status_on_exception=False
            ) as span:
                made = Span(span)
                try:
                    yield made
                except BaseException as error:
                    made.failed()
                    made.note("error", type(error).__name__)
                    raise
        finally:
            context.detach(token)

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._provider.shutdown()


def current_headers() -> dict[str, str]:
    """The headers by which whoever takes a message goes on with the present trace; none outside a span."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    # Baggage could hold anything.
    return {name: value for name, value in headers.items() if name in {"traceparent", "tracestate"}}
