"""What operators see while work goes on, on real services and in a real browser: the right figures, and no patient."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import URL, make_url

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.queues.topology import INTAKE_LANES, MAINTENANCE, RECOGNITION_LANES
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import QUARANTINE, Priority
from ocr_pipeline.intake.submit import Upload
from ocr_pipeline.operations.access import Changes, ManageClients, ManageKeys
from ocr_pipeline.operations.visits import InviteOperator
from ocr_pipeline.settings import Settings
from tests.e2e.cli_harness import line_page
from tests.plain_http import get
from tests.services_fixtures import private_broker
from tests.waiting import PATIENCE, until
from tests.worker_harness import ROOT, Crew, crew
from tools.ports import free_ports
from tools.private_rabbitmq import PrivateRabbitMq

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(2400)]

URGENT, ROUTINE, BULK = 2, 3, 9
ALL = URGENT + ROUTINE + BULK
CANARIES = ("canary-kim-younghee", "김영희", "Canarymycin", "refcanary-77")
PROGRAM = str(Path(sys.executable).with_name("ocr-pipeline"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRabbitMq]:
    broker = private_broker(tmp_path_factory.mktemp("watched"))
    yield broker
    broker.remove()


def zone_at_midday() -> str:
    """A time zone in which it is about noon: no day shall end between what happened today and the count of it."""
    behind = datetime.now(UTC).hour - 12
    return f"Etc/GMT{behind:+d}"


@pytest.fixture
def environment(
    tmp_path: Path, object_server: S3Endpoint, broker: PrivateRabbitMq, postgres_url: URL
) -> dict[str, str]:
    keys = tmp_path / "keys.json"
    LocalFileKeyProvider.create(keys)
    return {
        "OCR_PIPELINE_BROKER__URL": broker.url,
        "OCR_PIPELINE_DATABASE__URL": postgres_url.render_as_string(hide_password=False),
        "OCR_PIPELINE_OBSERVABILITY__MANAGEMENT_URL": broker.management_url,
        "OCR_PIPELINE_OBSERVABILITY__FRESH_SECONDS": "0.5",
        "OCR_PIPELINE_OBSERVABILITY__TIME_ZONE": zone_at_midday(),
        "OCR_PIPELINE_DATA_DIR": str(tmp_path / "data"),
        "OCR_PIPELINE_KEYS__PATH": str(keys),
        "OCR_PIPELINE_STORAGE__KIND": "s3",
        "OCR_PIPELINE_STORAGE__BUCKET": f"watched-{uuid4().hex}",
        "OCR_PIPELINE_STORAGE__CREATE_BUCKET": "true",
        "OCR_PIPELINE_STORAGE__ENDPOINT_URL": str(object_server.endpoint_url),
        "OCR_PIPELINE_STORAGE__ACCESS_KEY": str(object_server.access_key),
        "OCR_PIPELINE_STORAGE__SECRET_KEY": str(object_server.secret_key),
        "OCR_PIPELINE_WORKER__SLOTS": "1",
        "OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "2",
    }


@pytest.fixture
def pipeline(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    with monkeypatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = Settings()
    with application(settings) as app:
        yield app


@contextmanager
def running(log: Path, environment: dict[str, str], *command: str, answers: str) -> Iterator[None]:
    """A program of the product, from when it answers at an address."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        until(lambda: _answers(process, answers), f"{command[1]} at {answers}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE)


def _answers(process: subprocess.Popen[bytes], address: str) -> bool:
    assert process.poll() is None, "the program has ended"
    try:
        return get(address, seconds=10).status_code < 500
    except httpx.TransportError:
        return False


def hand_in(app: Application) -> list[DocumentId]:
    """Documents of each class, each with something of a patient in its name, its reference and its text."""
    wanted = [Priority.URGENT] * URGENT + [Priority.ROUTINE] * ROUTINE + [Priority.BULK] * BULK
    made = []
    for number, priority in enumerate(wanted):
        content = line_page(f"Canarymycin {number + 100} mg")
        name = f"canary-kim-younghee-김영희-{number}.png"
        made.append(app.submit(Upload(content, name, ClientId("clinic"), priority, "test")).document_id)
    refused = Upload(
        b"\x89PNG\r\n\x1a\n" + b"canary-kim-younghee", "김영희.png", ClientId("clinic"), Priority.ROUTINE, "test"
    )
    app.submit(refused)
    return made


def pages_in(app: Application, state: PageState) -> int:
    with app.records() as uow:
        return uow.counts().pages[state]


def link_for(app: Application) -> str:
    ManageClients(app.records, app.clock).create(
        ClientId("watch"), Changes(roles=(Role.OPERATOR,), requests_per_minute=6000, burst=100)
    )
    ManageKeys(app.records, app.vault, app.clock).create(ClientId("watch"))
    return InviteOperator(app.records, app.vault, app.clock)(ClientId("watch"))


def start_all_but_recognition(workers: Crew, database: dict[str, str]) -> None:
    workers.start("intake", INTAKE_LANES, "-P", "threads", "-c", "3", extra=database, ready=False)
    workers.start("results", ("results",), "-P", "threads", "-c", "2", extra=database, ready=False)
    workers.start("maintenance", (MAINTENANCE,), "-P", "threads", "-c", "1", extra=database, ready=False)
    workers.start("quarantine", (QUARANTINE,), "-P", "prefork", "-c", "1", "--max-tasks-per-child", "1", ready=False)


def number(page: Page, selector: str) -> int:
    return int(page.locator(selector).first.inner_text().split("\n")[0].replace("\u202f", ""))


def wait_for_number(page: Page, selector: str, many: int) -> None:
    until(lambda: number(page, selector) == many, f"{many} at {selector}", every=0.2)


def check_no_patient(page: Page, *told: str) -> None:
    """Neither what is seen nor what was sent names anybody."""
    seen = "\n".join([page.content(), page.inner_text("body"), page.url, *told]).lower()
    for canary in CANARIES:
        assert canary.lower() not in seen


@dataclass(frozen=True)
class Scene:
    """One pipeline at work, the programs that show it, and a window to look through."""

    pipeline: Application
    workers: Crew
    context: BrowserContext
    pictures: Path
    gateway: str
    flower: str
    exporter: str

    def picture(self, page: Page, name: str, *, whole: bool = True) -> None:
        page.screenshot(path=self.pictures / f"{name}.png", full_page=whole)


@pytest.fixture
def scene(
    tmp_path: Path,
    pictures: Path,
    broker: PrivateRabbitMq,
    environment: dict[str, str],
    pipeline: Application,
    context: BrowserContext,
) -> Iterator[Scene]:
    gateway_port, flower_port, exporter_port = free_ports(3)
    gateway, flower = f"http://127.0.0.1:{gateway_port}", f"http://127.0.0.1:{flower_port}/flower"
    exporter = f"http://127.0.0.1:{exporter_port}/metrics"
    database = {name: value for name, value in environment.items() if "DATABASE" in name}
    workers_know = {name: value for name, value in environment.items() if name not in database}
    flower_knows = {
        "OCR_PIPELINE_BROKER__URL": broker.url,
        "FLOWER_BROKER_API": broker.management_url,
        "FLOWER_DB": str(tmp_path / "flower.db"),
        "FLOWER_PORT": str(flower_port),
    }
    serve = [PROGRAM, "serve", "--port", str(gateway_port)]
    export = [PROGRAM, "exporter", "--port", str(exporter_port)]
    config = ROOT / "deploy/flower/flowerconfig.py"
    flowers = [sys.executable, "-m", "celery", "-A", "workers.app", "flower", f"--conf={config}"]
    with (
        running(tmp_path / "gateway.log", environment, *serve, answers=f"{gateway}/health/live"),
        running(tmp_path / "exporter.log", environment, *export, answers=exporter),
        running(tmp_path / "flower.log", flower_knows, *flowers, answers=f"{flower}/healthcheck"),
        crew(tmp_path, broker.url, application="workers.app", environment=workers_know) as workers,
    ):
        start_all_but_recognition(workers, database)
        yield Scene(pipeline, workers, context, pictures, gateway, flower, exporter)


def test_operators_see_live_work_and_no_patient(scene: Scene, broker: PrivateRabbitMq, tmp_path: Path) -> None:
    hand_in(scene.pipeline)
    until(lambda: pages_in(scene.pipeline, PageState.QUEUED) == ALL, "pages that wait")
    page = scene.context.new_page()
    enter(scene, page)
    look_while_all_waits(scene, page)
    scene.workers.start("recognition", RECOGNITION_LANES, "-P", "threads")
    expect(page.locator("[data-code=not_served_recognition]")).to_have_count(0)
    until(lambda: pages_in(scene.pipeline, PageState.QUEUED) < ROUTINE + BULK, "pages that were read")
    page.reload()
    scene.picture(page, "status-working")
    look_at_flower(scene, broker)
    until(lambda: pages_in(scene.pipeline, PageState.QUEUED) == 0, "the last page", 600.0)
    look_at_a_task(scene)
    look_when_all_is_done(scene, page)
    check_no_patient(
        page,
        get(scene.exporter).text,
        get(f"{scene.gateway}/metrics").text,
        *(log.read_text(encoding="utf-8", errors="replace") for log in tmp_path.glob("*.log")),
    )


def enter(scene: Scene, page: Page) -> None:
    page.goto(f"{scene.gateway}/operations")
    expect(page.locator("h1")).to_have_text("A link is needed")
    page.goto(f"{scene.gateway}/operations/enter?token={link_for(scene.pipeline)}")
    scene.picture(page, "enter", whole=False)
    page.get_by_role("button", name="Open the status page").click()
    page.wait_for_url(f"{scene.gateway}/operations")


def look_while_all_waits(scene: Scene, page: Page) -> None:
    """Nobody reads yet: everything waits, and the page says why."""
    expect(page.locator("[data-code=not_served_recognition]")).to_be_visible()
    wait_for_number(page, "#waiting", ALL)
    for name, many in (("urgent", URGENT), ("routine", ROUTINE), ("bulk", BULK)):
        wait_for_number(page, f"[data-class={name}] td:nth-child(2)", many)
    bulk = page.locator("[data-lane='recognition.bulk'] td:nth-child(2)")
    expect(bulk).to_have_text(str(BULK))
    wait_for_number(page, "#refused", 1)
    scene.picture(page, "status-waiting")
    check_no_patient(page)


def password_of(broker: PrivateRabbitMq) -> str:
    password = make_url(broker.url).password
    assert password
    return password


def look_at_flower(scene: Scene, broker: PrivateRabbitMq) -> None:
    page = scene.context.new_page()
    page.goto(f"{scene.flower}/workers")
    expect(page.get_by_text("recognition@").first).to_be_visible()
    scene.picture(page, "flower-workers", whole=False)
    check_no_patient(page)
    page.get_by_text("recognition@").first.click()
    expect(page.locator("h1, h2, .detail-card").first).to_be_visible()
    check_no_patient(page)
    assert password_of(broker) not in page.content()
    page.goto(f"{scene.flower}/broker")
    expect(page.get_by_text("recognition.bulk").first).to_be_visible()
    scene.picture(page, "flower-broker", whole=False)
    assert password_of(broker) not in page.content()
    page.close()


def look_at_a_task(scene: Scene) -> None:
    page = scene.context.new_page()
    page.goto(f"{scene.flower}/tasks")
    expect(page.get_by_text("ocr.recognition").first).to_be_visible()
    expect(page.get_by_text("attempt 1").first).to_be_visible()
    scene.picture(page, "flower-tasks", whole=False)
    check_no_patient(page)
    page.locator("a[href*='/flower/task/']").first.click()
    expect(page.locator("#task-page")).to_be_visible()
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
    scene.picture(page, "flower-task", whole=False)
    check_no_patient(page)
    page.close()


def look_when_all_is_done(scene: Scene, page: Page) -> None:
    page.reload()
    wait_for_number(page, "#waiting", 0)
    wait_for_number(page, "#received", ALL + 1)
    wait_for_number(page, "#throughput tr:nth-child(3) td:nth-child(2)", ALL)
    scene.picture(page, "status-done")
    page.emulate_media(color_scheme="dark")
    scene.picture(page, "status-dark")
    page.set_viewport_size({"width": 390, "height": 844})
    scene.picture(page, "status-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    told = page.context.request.get(f"{scene.gateway}/operations.json")
    assert told.ok
    assert told.json()["today"]["received"] == ALL + 1
    check_no_patient(page, told.text())
