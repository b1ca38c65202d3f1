"""The front door in two processes on real services: a mixed crowd of requests, and every document comes to an end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES
from ocr_pipeline.bootstrap import application
from ocr_pipeline.client import ApiError, OcrClient
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys
from ocr_pipeline.settings import Settings
from tests.e2e.cli_harness import PROGRAM, line_page
from tests.gateway_requests import signed
from tests.plain_http import get
from tests.services_fixtures import settings_of
from tests.waiting import PATIENCE, until
from tests.worker_harness import ROOT, crew
from tools.ports import free_port

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1800)]

DOCUMENTS = 24


@contextmanager
def two_gateways(log: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of `ocr-pipeline serve` with two processes."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [PROGRAM, "serve", "--port", str(port), "--processes", "2"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: _answers(server, url), "a gateway that is ready")
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _answers(server: subprocess.Popen[bytes], url: str) -> bool:
    assert server.poll() is None, "the gateway has ended"
    try:
        return get(f"{url}/health/ready", seconds=10).status_code == 200
    except httpx.TransportError:
        return False


def issue(front: Settings, name: str, wanted: Changes) -> IssuedKey:
    with application(front) as app:
        ManageClients(app.records, app.clock).create(ClientId(name), wanted)
        return ManageKeys(app.records, app.vault, app.clock).create(ClientId(name))


def test_a_mixed_crowd_is_served_and_nothing_is_lost(
    tmp_path: Path,
    common: dict[str, str],
    database: dict[str, str],
    broker_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    front = {**common, **database, "OCR_PIPELINE_BROKER__URL": broker_url}
    settings = settings_of(monkeypatch, front)
    key = issue(settings, "clinic", Changes(requests_per_minute=60_000, burst=1_000))
    hasty = issue(settings, "hasty", Changes(requests_per_minute=1, burst=5))
    with (
        crew(tmp_path, broker_url, application="workers.app", environment=common) as workers,
        two_gateways(tmp_path / "gateway.log", front) as url,
        OcrClient(url, key.key.id, key.secret, timeout=PATIENCE) as client,
    ):
        workers.start_stages(database)
        workers.start("recognition", RECOGNITION_LANES, "-P", "threads")

        def hand_in(number: int) -> str:
            page = line_page(f"Amoxicillin {number + 100} mg")
            return str(
                client.submit(page, content_type="image/png", idempotency_key=f"number-{number % DOCUMENTS}")["id"]
            )

        def misbehave(number: int) -> int:
            with pytest.raises(ApiError) as refused:
                client.submit(b"GIF89a" + bytes(2_000 + number), content_type="image/png")
            return refused.value.status

        with ThreadPoolExecutor(6) as threads:
            ids = list(threads.map(hand_in, [*range(DOCUMENTS), *range(DOCUMENTS)]))
            refused = list(threads.map(misbehave, range(12)))
            statuses = list(threads.map(lambda _: once(url, hasty), range(40)))

        assert len(set(ids)) == DOCUMENTS
        assert set(refused) == {415}
        # Two processes that counted apart would let twice as many in; one more is let in each minute.
        assert 5 <= statuses.count(200) < 10
        assert statuses.count(200) + statuses.count(429) == 40
        assert replayed(url, key) == [200] + [401] * 9

        settled = [client.wait(document_id, 600) for document_id in set(ids)]
        assert {document["state"] for document in settled} <= {"completed", "needs_review"}
        assert "Amoxicillin" in client.text(ids[0])
        assert all(client.audit(document_id)["intact"] for document_id in set(ids))
        assert len(list(client.list(page_size=10))) == DOCUMENTS
        client.erase(ids[0])
        assert client.get(ids[0])["state"] == "erased"
    assert '"status": 500' not in (tmp_path / "gateway.log").read_text("utf-8")


def once(url: str, key: IssuedKey) -> int:
    """The status of one request over a connection of its own."""
    return asked(url, signed(key, "GET", "/v1/documents", {}, b""))


def replayed(url: str, key: IssuedKey) -> list[int]:
    """The statuses of one signature sent ten times, each over a connection of its own."""
    headers = signed(key, "GET", "/v1/documents", {}, b"")
    return [asked(url, headers) for _ in range(10)]


def asked(url: str, headers: dict[str, str]) -> int:
    """The status of a listing."""
    return get(f"{url}/v1/documents", headers).status_code
