"""`triggers.metrics_port`: what the triggers count is served there, with what waits and what is parked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from prometheus_client import CollectorRegistry

from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.bootstrap import Application
from ocr_pipeline.bootstrap.trigger_metrics import TriggerMetrics
from ocr_pipeline.cli.triggers import _serve_metrics
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.settings import Settings
from ocr_pipeline.triggers.take import Outcome
from tests.waiting import PATIENCE
from tools.ports import free_port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Holds a port of this machine."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - as metrics are served
        yield server


def app(port: int | None, records: MemoryRecords) -> Application:
    settings = Settings.model_validate({"triggers": {"metrics_port": port}})
    return cast("Application", SimpleNamespace(settings=settings, records=records))


def test_what_is_counted_is_served() -> None:
    port, registry, records = free_port(), CollectorRegistry(), MemoryRecords()
    metrics = TriggerMetrics(registry)
    with ExitStack() as stack:
        _serve_metrics(app(port, records), registry, stack)
        metrics.settled("minio", Outcome.PARKED)
        said = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).text.splitlines()
        assert 'ocr_trigger_events_total{outcome="parked",source="minio"} 1.0' in said
        assert "ocr_trigger_waiting 0.0" in said
        assert "ocr_trigger_parked 0.0" in said
        records.available = False
        unavailable = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE)
        assert unavailable.status_code == 200
        assert "ocr_trigger_waiting" not in unavailable.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE)


def test_a_port_in_use_is_said_by_its_setting(listener: socket.socket) -> None:
    with ExitStack() as stack, pytest.raises(ConfigurationError, match=r"triggers\.metrics_port"):
        _serve_metrics(app(listener.getsockname()[1], MemoryRecords()), CollectorRegistry(), stack)
