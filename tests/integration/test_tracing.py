"""One trace from the front door to the results, carried along in messages; ids alone, and nothing where nobody asks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES
from ocr_pipeline.adapters.tracing import Side, Tracing, current_headers
from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.messages import RecognitionTask
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.gateway.tracing import TraceRequests
from tests.waiting import until
from tests.worker_harness import crew
from tests.worker_programs import Stage

CANARY = "kim-younghee"


@contextmanager
def collector() -> Iterator[tuple[str, list[Span]]]:
    """A collector of spans: its address, and what it was sent."""
    spans: list[Span] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            spans.extend(
                span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", spans
    finally:
        server.shutdown()
        server.server_close()


def attributes(span: Span) -> dict[str, str | int]:
    return {
        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
        for each in span.attributes
    }


@pytest.mark.services
def test_a_trace_goes_on_through_the_workers(tmp_path: Path, broker_url: str) -> None:
    document = DocumentId(uuid4())
    key = WrappedKey("key-1", CANARY.encode())
    task = RecognitionTask(PageRef(document, 3), 1, 1, Priority.URGENT, key, "image/png", 10, 10, 200.0)
    with collector() as (address, spans):
        asks = {"OCR_PIPELINE_OBSERVABILITY__OTLP_ENDPOINT": address, "OCR_PIPELINE_DATA_DIR": str(tmp_path)}
        tracing, queue = Tracing("test", address), CeleryWorkQueue(broker_url, companions=current_headers)
        with crew(tmp_path, broker_url, environment=asks) as workers:
            recognition = workers.start("recognition", RECOGNITION_LANES, "-P", "threads")
            results = workers.start("results", ("results",), "-P", "threads", "-c", "1")
            with tracing.span("request", Side.SERVER, {}):
                queue.send_recognition(task)
            until(lambda: bool(Stage(tmp_path).notes("applied")), "the report")
            for worker in (recognition, results):
                worker.terminate()
                worker.wait()
        tracing.close()
        queue.close()
        by_name = {span.name: span for span in spans}
    assert set(by_name) == {"request", "ocr.recognition", "ocr.results"}
    assert len({span.trace_id for span in spans}) == 1
    assert by_name["ocr.recognition"].parent_span_id == by_name["request"].span_id
    assert by_name["ocr.results"].parent_span_id == by_name["ocr.recognition"].span_id
    assert attributes(by_name["ocr.recognition"])["ocr.document_id"] == str(document)
    assert all(CANARY not in str(span) for span in spans)
    for span in spans:
        assert set(attributes(span)) <= {"ocr.document_id", "ocr.page", "ocr.number", "ocr.attempt"}


def test_a_request_is_one_span_whose_trace_goes_on() -> None:
    exporter, sent = InMemorySpanExporter(), []
    tracing = Tracing("gateway", "http://127.0.0.1:1", exporter=exporter)

    async def take(_: Request) -> PlainTextResponse:
        sent.append(current_headers())
        return PlainTextResponse("kept", 503)

    app = TraceRequests(Starlette(routes=[Route("/v1/documents/{name}", take)]), tracing)
    began = f"00-{'1' * 32}-{'2' * 16}-01"
    headers = {"traceparent": began, "tracestate": f"x={CANARY}", "baggage": f"patient={CANARY}"}

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            await client.get(f"/v1/documents/{CANARY}?reference={CANARY}", headers=headers)

    asyncio.run(ask())
    tracing.close()
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == "1" * 32
    assert sent == [{"traceparent": f"00-{'1' * 32}-{span.context.span_id:016x}-01"}]
    assert CANARY not in span.to_json()
    assert not span.status.is_ok


def test_an_error_is_noted_by_its_type_alone() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing("test", "http://127.0.0.1:1", exporter=exporter)
    with pytest.raises(RuntimeError), tracing.span("work", Side.CONSUMER, {}):
        raise RuntimeError(CANARY)
    tracing.close()
    (span,) = exporter.get_finished_spans()
    assert span.attributes == {"ocr.error": "RuntimeError"}
    assert not span.events
    assert CANARY not in span.to_json()


def test_where_nobody_traces_nothing_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys; import workers.app; from ocr_pipeline.gateway.asgi import build; build();"
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"OCR_PIPELINE_DATA_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "[]"
    assert current_headers() == {}
