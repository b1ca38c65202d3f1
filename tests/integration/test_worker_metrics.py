"""What a recognition worker counts can be asked for."""

from __future__ import annotations

import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from ocr_pipeline.bootstrap.stages import metrics_registry
from ocr_pipeline.bootstrap.telemetry import ReadingMetrics
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.settings import Settings
from tests.waiting import PATIENCE
from tools.ports import free_port


def test_counters_are_served_until_the_stage_closes(tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(data_dir=tmp_path, worker={"metrics_port": port})
    with ExitStack() as stack:
        ReadingMetrics(metrics_registry(settings, stack)).guard_spoke("repetition_loop")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
            assert b'ocr_guard_spoke_total{guard="repetition_loop"} 1.0' in answer.read()
        with pytest.raises(ConfigurationError), ExitStack() as other:
            metrics_registry(settings, other)
