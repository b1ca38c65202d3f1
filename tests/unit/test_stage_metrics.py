"""What stages count: durations, ends, confidence, waits; and several processes that count as one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ocr_pipeline.bootstrap.stage_metrics import FlowMetrics, GateMetrics, StageMetrics
from ocr_pipeline.domain.errors import DatabaseUnavailable, EngineTimeout, Refused
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.retries import RetryRules
from ocr_pipeline.domain.verdicts import VerdictRules
from ocr_pipeline.intake.admit import AdmissionRules, AdmitDocument
from ocr_pipeline.recognition.gate import Gate, GateRules
from ocr_pipeline.results.apply import ApplyReport
from tests.unit.world import World


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def watched(registry: CollectorRegistry) -> World:
    """A world whose intake and results tell what they do."""
    world, metrics = World(max_attempts=2), FlowMetrics(registry)
    world.apply = ApplyReport(
        world.records,
        world.dispatcher,
        world.clock,
        world.ids,
        VerdictRules(0.85, review=True),
        RetryRules(max_attempts=2),
        observer=metrics,
    )
    world.admit = AdmitDocument(
        world.records,
        world.store,
        world.vault,
        world.opener,
        world.dispatcher,
        world.clock,
        world.ids,
        AdmissionRules(),
        observer=metrics,
    )
    return world


def test_a_document_is_told_of_once_when_machines_are_done_with_it(registry: CollectorRegistry) -> None:
    world = watched(registry)
    world.queued(pages=2)
    first, second = world.queue.recognition
    report = world.report_of(first, confidence=0.99)
    world.apply(report)
    world.apply(report)
    labels = {"kind": "other", "class": "routine"}
    assert not registry.get_sample_value("ocr_document_seconds_count", labels)
    world.clock.advance(seconds=4)
    world.apply(world.report_of(second, confidence=0.5))
    assert registry.get_sample_value("ocr_document_seconds_count", labels) == 1
    seconds = registry.get_sample_value("ocr_document_seconds_sum", labels)
    assert seconds is not None
    assert 4 < seconds < 5
    assert registry.get_sample_value("ocr_pages_done_total", {"state": "accepted"}) == 1
    assert registry.get_sample_value("ocr_pages_done_total", {"state": "in_review"}) == 1
    assert registry.get_sample_value("ocr_page_confidence_count") == 2
    assert registry.get_sample_value("ocr_page_confidence_bucket", {"le": "0.85"}) == 1


def test_failed_readings_and_refusals_are_told_by_code(registry: CollectorRegistry) -> None:
    world = watched(registry)
    world.queued()
    world.engine.error = EngineTimeout("slow")
    world.apply(world.recognise(world.queue.recognition[-1]))
    assert registry.get_sample_value("ocr_pages_failed_total", {"code": "engine_timeout"}) == 1
    assert registry.get_sample_value("ocr_pages_done_total", {"state": "in_review"}) is None
    world.opener.error = Refused("encrypted_pdf", "it is encrypted")
    world.upload(b"\x89PNG\r\n\x1a\nanother")
    world.admit(world.queue.intake.pop())
    assert registry.get_sample_value("ocr_refusals_total", {"code": "encrypted_pdf"}) == 1


def test_nothing_is_told_of_what_was_undone(registry: CollectorRegistry) -> None:
    world = watched(registry)
    world.queued()
    report = world.report_of(world.queue.recognition[-1])
    world.records.available = False
    with pytest.raises(DatabaseUnavailable):
        world.apply(report)
    assert registry.get_sample_value("ocr_pages_done_total", {"state": "accepted"}) is None


def test_work_is_counted_by_how_it_ends(registry: CollectorRegistry) -> None:
    def fail(_: object) -> None:
        raise DatabaseUnavailable("away")

    metrics = StageMetrics(registry)
    metrics.around("intake", lambda _: None)(1)
    with pytest.raises(DatabaseUnavailable):
        metrics.around("intake", fail)(1)
    for outcome in ("done", "database_unavailable"):
        assert registry.get_sample_value("ocr_stage_outcomes_total", {"stage": "intake", "outcome": outcome}) == 1
    assert registry.get_sample_value("ocr_stage_seconds_count", {"stage": "intake"}) == 2


def test_waits_at_the_gate_are_told_by_class(registry: CollectorRegistry) -> None:
    gate = Gate(GateRules(slots=1), World().clock, GateMetrics(registry))
    gate.enter(Priority.BULK)
    gate.close()
    gate.enter(Priority.URGENT)
    assert registry.get_sample_value("ocr_gate_wait_seconds_count", {"class": "bulk"}) == 1
    assert registry.get_sample_value("ocr_gate_wait_seconds_count", {"class": "urgent"}) is None


COUNTING = """
from prometheus_client import CollectorRegistry
from ocr_pipeline.bootstrap.stage_metrics import StageMetrics
StageMetrics(CollectorRegistry()).around("recognition", lambda: None)()
"""
SERVING = """
from prometheus_client import CollectorRegistry, generate_latest
from ocr_pipeline.bootstrap.metrics_server import collected
print(generate_latest(collected(CollectorRegistry())).decode())
"""


def test_processes_that_count_together_are_told_of_together(tmp_path: Path) -> None:
    def run(program: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    for _ in range(2):
        run(COUNTING)
    told = run(SERVING)
    assert 'ocr_stage_outcomes_total{outcome="done",stage="recognition"} 2.0' in told
    assert 'ocr_stage_seconds_count{stage="recognition"} 2.0' in told


def test_a_process_alone_tells_of_itself(registry: CollectorRegistry) -> None:
    StageMetrics(registry).around("results", lambda: None)()
    assert b'ocr_stage_seconds_count{stage="results"} 1.0' in generate_latest(registry)
