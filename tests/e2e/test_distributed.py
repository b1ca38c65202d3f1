"""A hundred documents through separate processes on real services, with a worker killed and the broker restarted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentState
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import QUARANTINE, Priority
from ocr_pipeline.intake.submit import Upload
from tests.services_fixtures import settings_of
from tests.waiting import until
from tests.worker_harness import Crew, crew
from tools.private_rabbitmq import PrivateRabbitMq

pytestmark = [pytest.mark.services, pytest.mark.slow]

DOCUMENTS = 100
TWO_PAGES_EVERY = 10
DEADLINE = 600.0

DECIDING = {
    AuditKind.PAGE_ACCEPTED,
    AuditKind.PAGE_KNOWN,
    AuditKind.PAGE_IN_REVIEW,
    AuditKind.PAGE_BLANK,
    AuditKind.PAGE_FAILED,
}
DONE = {PageState.ACCEPTED, PageState.IN_REVIEW}


def line_of(number: int, page: int) -> str:
    return f"Amoxicillin {number + 100} mg tablet {page}"


def picture(text: str) -> Image.Image:
    image = Image.new("L", (640, 120), 255)
    ImageDraw.Draw(image).text((30, 40), text, fill=0, font=ImageFont.load_default(32))
    return image


def scan(number: int) -> bytes:
    """A small TIFF; every tenth has two pages."""
    pages = [picture(line_of(number, page)) for page in range(1, pages_of(number) + 1)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], dpi=(200, 200), compression="tiff_lzw")
    return out.getvalue()


def pages_of(number: int) -> int:
    return 2 if number % TWO_PAGES_EVERY == 0 else 1


@pytest.fixture
def slow(common: dict[str, str]) -> dict[str, str]:
    """Workers that have one page in hand at a time, so that much is under way when something dies."""
    return {**common, "OCR_PIPELINE_WORKER__SLOTS": "1"}


@contextmanager
def front_door(
    monkeypatch: pytest.MonkeyPatch, broker: PrivateRabbitMq, *environments: dict[str, str]
) -> Iterator[Application]:
    with application(settings_of(monkeypatch, *environments, {"OCR_PIPELINE_BROKER__URL": broker.url})) as app:
        yield app


def start_all(workers: Crew, database: dict[str, str]) -> None:
    """Each stage by its documented command; only those that need the database hear of it."""
    workers.start_stages(database)
    workers.start("quarantine", (QUARANTINE,), "-P", "prefork", "-c", "1", "--max-tasks-per-child", "1", ready=False)
    workers.start_beat()
    for name in ("recognition-a", "recognition-b"):
        workers.start(name, RECOGNITION_LANES, "-P", "threads")


def decided(app: Application, documents: list[DocumentId]) -> int:
    """How many pages are read and judged."""
    with app.records() as uow:
        counts = uow.counts(document_ids=documents)
    return sum(count for state, count in counts.pages.items() if state in DONE)


def settled(app: Application, documents: list[DocumentId]) -> bool:
    with app.records() as uow:
        counts = uow.counts(document_ids=documents)
    return sum(count for state, count in counts.documents.items() if state in SETTLED_STATES) == len(documents)


@pytest.mark.timeout(2400)
def test_nothing_is_lost_and_nothing_is_done_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broker: PrivateRabbitMq,
    slow: dict[str, str],
    database: dict[str, str],
) -> None:
    with (
        front_door(monkeypatch, broker, slow, database) as app,
        crew(tmp_path, broker.url, application="workers.app", environment=slow) as workers,
    ):
        documents = [
            app.submit(
                Upload(scan(number), f"scan {number}", ClientId("clinic"), Priority(number % len(Priority)), "test")
            ).document_id
            for number in range(DOCUMENTS)
        ]
        start_all(workers, database)
        victim = workers.workers[-1]
        until(lambda: decided(app, documents) >= 15, "the first pages", DEADLINE, every=0.2)
        victim.kill()
        workers.start("recognition-c", RECOGNITION_LANES, "-P", "threads", ready=False)
        until(lambda: decided(app, documents) >= 40, "pages after a worker's death", DEADLINE, every=0.2)
        broker.stop()
        assert not settled(app, documents), "the broker went down too late to prove anything"
        broker.start()
        until(lambda: settled(app, documents), "every document settled", DEADLINE, every=0.2)
        check_every_document(app, documents)


def check_every_document(app: Application, documents: list[DocumentId]) -> None:
    assert len(set(documents)) == DOCUMENTS
    right_words = 0
    suspicions = 0
    for number, document_id in enumerate(documents):
        result = app.read(document_id, actor="test")
        assert result.document.state in {DocumentState.COMPLETED, DocumentState.NEEDS_REVIEW}
        assert result.name == f"scan {number}"
        assert [page.number for page in result.pages] == list(range(1, pages_of(number) + 1))
        assert {page.state for page in result.pages} <= DONE
        with app.records() as uow:
            events = [event.entry for event in uow.audit.events(document_id)]
        verdicts = [event.page for event in events if event.kind in DECIDING]
        assert sorted(verdicts, key=str) == [page.number for page in result.pages]
        assert sum(event.kind is AuditKind.DOCUMENT_QUEUED for event in events) == 1
        suspicions += sum(event.kind is AuditKind.PAGE_SUSPECTED for event in events)
        right_words += sum(str(number + 100) in page.text for page in result.pages)
    assert suspicions > 0, "no page was in the hands of what died"
    checks = list(app.verify())
    assert {check.document_id for check in checks} == set(documents)
    assert [check.fault for check in checks if check.fault is not None] == []
    # Each text belongs to its own document: the number printed on a page is found in what was read of that page.
    pages = sum(pages_of(number) for number in range(DOCUMENTS))
    assert right_words >= 0.9 * pages
