"""Servers and workers of several processes: whichever is asked tells of all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import URL

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.messages import RecognitionTask
from ocr_pipeline.domain.priorities import QUARANTINE, Priority
from ocr_pipeline.domain.sealing import WrappedKey
from tests.plain_http import get
from tests.waiting import PATIENCE, until
from tests.worker_harness import ROOT, crew
from tools.ports import free_port

pytestmark = [pytest.mark.services, pytest.mark.slow]

ASKED = 40


def fetched(url: str) -> str:
    try:
        answer = get(url)
    except httpx.TransportError:
        return ""
    return answer.text if answer.status_code == 200 else ""


def test_two_gateway_processes_count_together(tmp_path: Path, postgres_url: URL, broker_url: str) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "OCR_PIPELINE_DATA_DIR": str(tmp_path),
        "OCR_PIPELINE_KEYS__PATH": str(tmp_path / "keys.json"),
        "OCR_PIPELINE_DATABASE__URL": postgres_url.render_as_string(hide_password=False),
        "OCR_PIPELINE_BROKER__URL": broker_url,
    }
    LocalFileKeyProvider.create(tmp_path / "keys.json")
    program = str(Path(sys.executable).with_name("ocr-pipeline"))
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "serve", "--port", str(port), "--processes", "2"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: bool(fetched(f"{url}/health/live")), "a gateway", 150)
        for _ in range(ASKED):
            assert get(f"{url}/problems/too_large").status_code == 200
        counted = f'ocr_gateway_requests_total{{method="GET",route="/problems/{{code}}",status="200"}} {ASKED}.0'
        until(lambda: counted in fetched(f"{url}/metrics"), "the last request counted")
        # Each answer comes from one of the two, and every one of them knows of all.
        assert all(counted in fetched(f"{url}/metrics") for _ in range(6))
    finally:
        server.terminate()
        server.wait(PATIENCE)


def test_the_quarantine_tells_of_its_children(tmp_path: Path, broker_url: str) -> None:
    port = free_port()
    counted = tmp_path / "counted"
    environment = {
        "OCR_PIPELINE_DATA_DIR": str(tmp_path),
        "OCR_PIPELINE_KEYS__PATH": str(tmp_path / "keys.json"),
        "OCR_PIPELINE_WORKER__METRICS_PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(counted),
    }
    LocalFileKeyProvider.create(tmp_path / "keys.json")
    counted.mkdir()
    (counted / "counter_1.db").write_bytes(b"left over by a run before")
    queue = CeleryWorkQueue(broker_url)
    with crew(tmp_path, broker_url, application="workers.app", environment=environment) as workers:
        options = ("-P", "prefork", "-c", "1", "--max-tasks-per-child", "1")
        worker = workers.start("quarantine", (QUARANTINE,), *options)
        for _ in range(2):
            page = PageRef(DocumentId(uuid4()), 1)
            key = WrappedKey("key-1", b"wrapped")
            queue.send_recognition(
                RecognitionTask(page, 1, 1, Priority.BULK, key, "image/png", 10, 10, None), quarantine=True
            )
        wanted = 'ocr_stage_outcomes_total{outcome="object_missing",stage="recognition"} 2.0'
        until(lambda: wanted in fetched(f"http://127.0.0.1:{port}/metrics"), "both children's counts", 120)
        worker.terminate()
        worker.wait()
    queue.close()
