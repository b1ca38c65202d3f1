"""A hundred documents through separate processes on real services, with a worker killed and the broker restarted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import URL

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.queues.topology import INTAKE_LANES, MAINTENANCE, RECOGNITION_LANES
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentState
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import QUARANTINE, Priority
from ocr_pipeline.intake.submit import Upload
from ocr_pipeline.settings import Settings
from tests.services_fixtures import private_broker
from tests.worker_harness import Crew, crew, until
from tools.private_rabbitmq import PrivateRabbitMq

pytestmark = [pytest.mark.services, pytest.mark.slow]

DOCUMENTS = 100
TWO_PAGES_EVERY = 10
DEADLINE = 180.0

DECIDING = {AuditKind.PAGE_ACCEPTED, AuditKind.PAGE_IN_REVIEW, AuditKind.PAGE_BLANK, AuditKind.PAGE_FAILED}
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


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRabbitMq]:
    broker = private_broker(tmp_path_factory.mktemp("e2e-rabbitmq"))
    yield broker
    broker.remove()


@pytest.fixture
def common(tmp_path: Path, object_server: S3Endpoint) -> dict[str, str]:
    """What every process may know."""
    keys = tmp_path / "keys.json"
    LocalFileKeyProvider.create(keys)
    return {
        "OCR_PIPELINE_DATA_DIR": str(tmp_path / "data"),
        "OCR_PIPELINE_KEYS__PATH": str(keys),
        "OCR_PIPELINE_STORAGE__KIND": "s3",
        "OCR_PIPELINE_STORAGE__BUCKET": f"e2e-{uuid4().hex}",
        "OCR_PIPELINE_STORAGE__CREATE_BUCKET": "true",
        "OCR_PIPELINE_STORAGE__ENDPOINT_URL": str(object_server.endpoint_url),
        "OCR_PIPELINE_STORAGE__ACCESS_KEY": str(object_server.access_key),
        "OCR_PIPELINE_STORAGE__SECRET_KEY": str(object_server.secret_key),
        "OCR_PIPELINE_WORKER__SLOTS": "1",
        "OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "2",
    }


@pytest.fixture
def database(postgres_url: URL) -> dict[str, str]:
    """What all but the recognition workers may know besides."""
    return {"OCR_PIPELINE_DATABASE__URL": postgres_url.render_as_string(hide_password=False)}


@contextmanager
def front_door(
    monkeypatch: pytest.MonkeyPatch, broker: PrivateRabbitMq, *environments: dict[str, str]
) -> Iterator[Application]:
    with monkeypatch.context() as patch:
        for name, value in {key: value for each in environments for key, value in each.items()}.items():
            patch.setenv(name, value)
        patch.setenv("OCR_PIPELINE_BROKER__URL", broker.url)
        settings = Settings()
    with application(settings) as app:
        yield app


def start_all(workers: Crew, database: dict[str, str]) -> None:
    """Each stage by its documented command; only those that need the database hear of it."""
    workers.start("intake", INTAKE_LANES, "-P", "threads", "-c", "3", extra=database, ready=False)
    workers.start("results", ("results",), "-P", "threads", "-c", "2", extra=database, ready=False)
    workers.start("maintenance", (MAINTENANCE,), "-P", "threads", "-c", "1", extra=database, ready=False)
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


@pytest.mark.timeout(420)
def test_nothing_is_lost_and_nothing_is_done_twice(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broker: PrivateRabbitMq,
    common: dict[str, str],
    database: dict[str, str],
) -> None:
    with (
        front_door(monkeypatch, broker, common, database) as app,
        crew(tmp_path, broker.url, application="workers.app", environment=common) as workers,
    ):
        documents = [
            app.submit(
                Upload(scan(number), f"scan {number}", ClientId("clinic"), Priority(number % len(Priority)), "test")
            ).document_id
            for number in range(DOCUMENTS)
        ]
        start_all(workers, database)
        victim = workers.workers[-1]
        until(lambda: decided(app, documents) >= 15, "the first pages", DEADLINE)
        victim.kill()
        workers.start("recognition-c", RECOGNITION_LANES, "-P", "threads", ready=False)
        until(lambda: decided(app, documents) >= 40, "pages after a worker's death", DEADLINE)
        broker.stop()
        assert not settled(app, documents), "the broker went down too late to prove anything"
        broker.start()
        until(lambda: settled(app, documents), "every document settled", DEADLINE)
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
