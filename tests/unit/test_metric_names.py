"""Every metric that a dashboard or an alert names is one that the code exports, and none carries a document's id."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from ocr_pipeline.adapters.memory.figures import MemoryFigures
from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.bootstrap.drain_metrics import DrainCollector, Fleet
from ocr_pipeline.bootstrap.page_cache import PageCacheMetrics
from ocr_pipeline.bootstrap.pipeline_metrics import SnapshotCollector
from ocr_pipeline.bootstrap.stage_metrics import FlowMetrics, GateMetrics, StageMetrics
from ocr_pipeline.bootstrap.telemetry import CrossCheckMetrics, PoolCollector, PoolMetrics, ReadingMetrics
from ocr_pipeline.bootstrap.trigger_metrics import HeldCollector, TriggerMetrics
from ocr_pipeline.gateway.telemetry import GatewayMetrics
from ocr_pipeline.operations.snapshot import TakeSnapshot
from ocr_pipeline.ports.figures import Feeds, LaneFigures, RunFigures
from ocr_pipeline.recognition.pool.observer import PoolSnapshot
from ocr_pipeline.settings import Settings
from tests.unit.world import FakeClock
from tools import dashboards

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
LABELS = {
    "state", "class", "stage", "lane", "kind", "code", "source", "outcome", "guard", "server", "reason", "minutes",
    "method", "route", "status",
}  # fmt: skip
_NAME = re.compile(r"\bocr_[a-z_]+")


@pytest.fixture(scope="module")
def registry() -> CollectorRegistry:
    """Everything that any process of the pipeline exports."""
    registry = CollectorRegistry()
    records, clock = MemoryRecords(), FakeClock()
    take = TakeSnapshot(
        MemoryFigures(records),
        lambda: [LaneFigures("intake.urgent", 1, 1, 1)],
        clock,
        UTC,
        feeds=lambda **_: Feeds((RunFigures("run", "running", {"done": 1}),), True, 1),
    )
    for metrics in (
        StageMetrics, FlowMetrics, GateMetrics, ReadingMetrics, CrossCheckMetrics, PoolMetrics, PageCacheMetrics,
        TriggerMetrics, GatewayMetrics,
    ):  # fmt: skip
        metrics(registry)
    collectors: tuple[Collector, ...] = (
        SnapshotCollector(take),
        DrainCollector(take, Fleet.of(Settings())),
        PoolCollector(lambda: PoolSnapshot(servers=(), waiting=0)),
        HeldCollector(lambda: (0, 0)),
    )
    for collector in collectors:
        registry.register(collector)
    return registry


@pytest.fixture(scope="module")
def exported(registry: CollectorRegistry) -> set[str]:
    """The names as Prometheus knows them; those of one that nobody counted yet are made from its type."""
    names: set[str] = set()
    for family in registry.collect():
        match family.type:
            case "counter":
                names.add(f"{family.name}_total")
            case "histogram":
                names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
            case _:
                names.add(family.name)
    return names


def expressions() -> Iterator[str]:
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for place in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        for panel in json.loads(place.read_text(encoding="utf-8"))["panels"]:
            yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_what_is_shown_is_exported(expression: str, exported: set[str]) -> None:
    named = set(_NAME.findall(expression))
    assert named
    # What another process of the pipeline may export later is not named before it does.
    assert named <= exported


def test_labels_are_of_few_values_and_never_ids(registry: CollectorRegistry) -> None:
    for collector in registry._collector_to_names:
        assert set(getattr(collector, "_labelnames", ())) <= LABELS
    for family in registry.collect():
        for sample in family.samples:
            assert set(sample.labels) - {"le"} <= LABELS


def test_names_keep_the_conventions(registry: CollectorRegistry) -> None:
    for family in registry.collect():
        assert family.name.startswith("ocr_")
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_total", "_count", "_ms", "_milliseconds"))


def test_the_dashboards_are_those_of_the_tool() -> None:
    written = {place.stem: place.read_text(encoding="utf-8") for place in dashboards.FOLDER.glob("*.json")}
    assert written == {each.uid: dashboards.rendered(each) for each in dashboards.DASHBOARDS}


def test_panels_neither_overlap_nor_stand_out() -> None:
    for dashboard in dashboards.DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(dashboards.rendered(dashboard))["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken
            assert max(x for x, _ in cells) < dashboards.WIDTH
            taken |= cells
