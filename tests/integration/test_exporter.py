"""The exporter, as Prometheus asks it: the whole pipeline in figures, and honest where a source is away."""

from __future__ import annotations

import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from sqlalchemy import URL

from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.bootstrap.observability import exporter
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.settings import Settings
from tests.postgres_fixtures import new_document, new_page, put
from tests.waiting import PATIENCE

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class More(Collector):
    """What another room may add."""

    def collect(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("ocr_something_else", "Something else.", 3)]


def settings(folder: Path, url: URL, **more: object) -> Settings:
    return Settings(data_dir=folder, database={"url": url.render_as_string(hide_password=False)}, **more)  # type: ignore[arg-type]


def ask(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset((key.rstrip("_"), each) for key, each in labels.items())))


def test_the_pipeline_is_told_in_figures(tmp_path: Path, postgres_url: URL, postgres_records: PostgresRecords) -> None:
    document = replace(new_document(state=DocumentState.PROCESSING), priority=Priority.BULK)
    put(postgres_records, document, new_page(document, 1), new_page(document, 2))
    with exporter(settings(tmp_path, postgres_url), "127.0.0.1", 0, more=[More()]) as port:
        told = ask(port)
    assert value(told, "ocr_pages", state="queued", class_="bulk") == 2
    assert value(told, "ocr_pages", state="queued", class_="urgent") == 0
    assert value(told, "ocr_documents", state="processing") == 1
    assert value(told, "ocr_source_up", source="database") == 1
    oldest = value(told, "ocr_lane_oldest_seconds", lane="recognition.bulk")
    assert oldest is not None
    assert oldest > 0
    assert value(told, "ocr_something_else") == 3
    assert value(told, "ocr_wanted_instances") == 2
    assert value(told, "ocr_drain_seconds", class_="bulk") == 1.0


def test_a_broker_that_is_away_hides_only_its_lanes(tmp_path: Path, postgres_url: URL) -> None:
    away = settings(tmp_path, postgres_url, broker={"url": "amqp://guest:guest@127.0.0.1:1//"})
    with exporter(away, "127.0.0.1", 0) as port:
        told = ask(port)
    assert value(told, "ocr_source_up", source="broker") == 0
    assert value(told, "ocr_source_up", source="database") == 1
    assert value(told, "ocr_documents", state="queued") == 0
    assert not [name for name, _ in told if name == "ocr_lane_depth"]


def test_a_database_that_is_away_is_told_and_does_not_end_the_exporter(tmp_path: Path, postgres_url: URL) -> None:
    away = settings(tmp_path, postgres_url.set(database="not_there"))
    with exporter(away, "127.0.0.1", 0) as port:
        for _ in range(2):
            told = ask(port)
            assert value(told, "ocr_source_up", source="database") == 0
            assert not [name for name, _ in told if name == "ocr_documents"]


def test_a_port_that_is_taken_is_said(tmp_path: Path, postgres_url: URL) -> None:
    one = settings(tmp_path, postgres_url)
    with (
        exporter(one, "127.0.0.1", 0) as port,
        pytest.raises(ConfigurationError, match="port"),
        exporter(one, "127.0.0.1", port),
    ):
        pass
