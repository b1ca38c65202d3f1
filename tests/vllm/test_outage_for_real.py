"""Two real servers under load, one killed and then one hung: no page is lost, no attempt is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.domain.documents import SETTLED_STATES
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.intake.submit import Upload
from tests.services_fixtures import settings_of
from tests.tiny_reader.pages import CodePage
from tests.vllm.reading import number_pages
from tests.vllm.real_vllm import AT_ONCE, CONTEXT, NAME, PROFILE, RealVllm
from tests.waiting import until
from tests.worker_harness import Crew, crew

pytestmark = [pytest.mark.vllm, pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1500)]

RECOVERY = 15.0
DEADLINE = 240.0
Sent = dict[DocumentId, CodePage]


@pytest.fixture
def environment(tmp_path: Path, common: dict[str, str], fleet: tuple[RealVllm, RealVllm]) -> dict[str, str]:
    for server in fleet:
        server.wait_until_ready()
    addresses = tmp_path / "servers"
    addresses.write_text("".join(f"{server.url}\n" for server in fleet), encoding="utf-8")
    return {
        **common,
        "OCR_PIPELINE_RETRY__OUTAGE_DELAY_SECONDS": "2",
        "OCR_PIPELINE_ENGINE__NAME": "vllm",
        "OCR_PIPELINE_MODEL_NAME": NAME,
        "OCR_PIPELINE_MAX_MODEL_LEN": str(CONTEXT),
        "OCR_PIPELINE_MAX_CONCURRENT_REQUESTS": str(AT_ONCE),
        "OCR_PIPELINE_WORKER__SLOTS": "4",
        "OCR_PIPELINE_VLLM__SERVERS_FILE": str(addresses),
        "OCR_PIPELINE_VLLM__PROFILE": PROFILE,
        "OCR_PIPELINE_VLLM__CROSS_CHECK": "never",
    }


@pytest.fixture
def app(
    environment: dict[str, str], database: dict[str, str], broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    with application(settings_of(monkeypatch, environment, database, {"OCR_PIPELINE_BROKER__URL": broker_url})) as app:
        yield app


def start_all(workers: Crew, database: dict[str, str]) -> None:
    workers.start_stages(database)
    workers.start_beat()
    workers.start("recognition", RECOGNITION_LANES, "-P", "threads")


def send(app: Application, count: int, seed: int, priority: Priority = Priority.BULK) -> Sent:
    pages = number_pages(count, seed)
    return {
        app.submit(Upload(page.png(), f"page {seed} {at}", ClientId("clinic"), priority, "test")).document_id: page
        for at, page in enumerate(pages)
    }


def settled(app: Application, sent: Sent) -> int:
    with app.records() as uow:
        counts = uow.counts(document_ids=list(sent))
    return sum(count for state, count in counts.documents.items() if state in SETTLED_STATES)


def wait_for(app: Application, sent: Sent, count: int, what: str, seconds: float = DEADLINE) -> float:
    """Seconds until so many documents are settled."""
    began = time.monotonic()
    until(lambda: settled(app, sent) >= count, what, seconds)
    return time.monotonic() - began


def test_servers_that_die_and_hang_cost_no_page_and_no_attempt(
    tmp_path: Path,
    app: Application,
    environment: dict[str, str],
    database: dict[str, str],
    broker_url: str,
    fleet: tuple[RealVllm, RealVllm],
) -> None:
    first, second = fleet
    with crew(tmp_path, broker_url, application="workers.app", environment=environment) as workers:
        start_all(workers, database)
        sent = send(app, 200, seed=31)
        wait_for(app, sent, 5, "the first pages")

        first.kill_model()
        killed = wait_for(app, sent, settled(app, sent) + 20, "pages after a server was killed")
        more = send(app, 100, seed=32)
        urgent = send(app, 2, seed=33, priority=Priority.URGENT)
        overtaken = wait_for(app, urgent, 2, "urgent pages")
        assert settled(app, more) < len(more), "urgent pages waited for bulk"

        first.wait_until_ready()
        sent |= more
        more = send(app, 150, seed=34)
        sent |= more
        second.hang_model()
        try:
            hung = wait_for(app, sent, settled(app, sent) + 20, "pages after a server hung")
            wait_for(app, sent | urgent, len(sent | urgent), "every document")
        finally:
            second.wake_model()
        print(f"recovery: killed {killed:.1f} s, hung {hung:.1f} s; urgent after {overtaken:.1f} s")

    assert killed <= RECOVERY
    assert hung <= RECOVERY
    right = 0
    for document_id, page in (sent | urgent).items():
        result = app.read(document_id, actor="test")
        with app.records() as uow:
            assert uow.pages.get(PageRef(document_id, 1)).attempt == 1, "an outage was counted as an attempt"
        right += result.pages[0].text == page.text
    assert right >= 0.95 * len(sent | urgent), f"{right} of {len(sent | urgent)} read exactly"
    assert [check.fault for check in app.verify() if check.fault is not None] == []
