"""Each kind of process has a user of its own in RabbitMQ, works with what that user may, and may nothing else."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from amqp.exceptions import AccessRefused
from celery import Celery
from kombu import Connection
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import make_url
from typer.testing import CliRunner

from ocr_pipeline import bootstrap
from ocr_pipeline.adapters.queues.celery_queue import CeleryWorkQueue
from ocr_pipeline.adapters.queues.lane_figures import DeclaredLanes
from ocr_pipeline.adapters.queues.topology import (
    ANSWERS_EXCHANGE,
    BULK,
    DEAD,
    EVENTS_EXCHANGE,
    INTAKE_LANES,
    MAINTENANCE,
    QUESTIONS_EXCHANGE,
    RECOGNITION_LANES,
    WORK_QUEUES,
    Topology,
)
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.cli.main import build
from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentState
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.messages import IntakeTask
from ocr_pipeline.domain.priorities import QUARANTINE, Priority, Stage
from ocr_pipeline.intake.submit import Upload
from ocr_pipeline.settings import Settings
from tests.postgres_fixtures import new_document_id
from tests.services_fixtures import private_broker, settings_of
from tests.waiting import PATIENCE, until
from tests.worker_harness import ROOT, consumers, crew
from tools.private_rabbitmq import PrivateRabbitMq
from workers.celery_app import create_app
from workers.process import Stages

pytestmark = [
    pytest.mark.services,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]

DEPLOY = ROOT / "deploy"
RESULTS = Stage.RESULTS.value
QUEUES = (*WORK_QUEUES, MAINTENANCE, BULK, DEAD)
EXCHANGES = (
    *("ocr.intake", "ocr.recognition", "ocr.results", "ocr.schedule", "ocr.dead", ""),
    *(EVENTS_EXCHANGE, QUESTIONS_EXCHANGE, ANSWERS_EXCHANGE),
)

READS: Mapping[str, set[str]] = {
    "intake": set(INTAKE_LANES),
    "recognition": set(RECOGNITION_LANES),
    "quarantine": {QUARANTINE},
    "results": {RESULTS},
    "maintenance": {MAINTENANCE},
    "bulk": {BULK},
    **{user: set() for user in ("gateway", "triggers", "beat", "admin", "exporter", "flower")},
}
"""The queues whose messages a user may take."""

TELLS = {EVENTS_EXCHANGE, ANSWERS_EXCHANGE}
WRITES: Mapping[str, set[str]] = {
    "gateway": {"ocr.intake"},
    "triggers": {"ocr.intake"},
    "intake": {"ocr.recognition", *TELLS},
    "recognition": {"ocr.results", *TELLS},
    "quarantine": {"ocr.results", *TELLS},
    "results": {"ocr.recognition", *TELLS},
    "maintenance": {"ocr.intake", "ocr.recognition", *TELLS},
    "bulk": {"ocr.intake", *TELLS},
    "beat": {"ocr.schedule"},
    "admin": {"ocr.intake", "ocr.recognition"},
    "exporter": set(),
    "flower": {QUESTIONS_EXCHANGE},
}
"""The exchanges where a user may publish."""

KNOWN = Topology(made_by_users=False)


@dataclass(frozen=True)
class Users:
    """A broker with the users of the deployment, and the address of each."""

    broker: PrivateRabbitMq
    secrets: Path

    def url(self, user: str) -> str:
        given = (self.secrets / f"broker_url.{user}").read_text()
        return given.replace("rabbitmq:5672", f"127.0.0.1:{make_url(self.broker.url).port}")

    def told(self, user: str) -> dict[str, str]:
        return {"OCR_PIPELINE_BROKER__URL": self.url(user), "OCR_PIPELINE_BROKER__DECLARE_QUEUES": "false"}


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    """The users and permissions that are deployed; no queue yet."""
    secrets = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([DEPLOY / "docker" / "make-secrets.sh", secrets], check=True, capture_output=True, timeout=120)
    broker = private_broker(tmp_path_factory.mktemp("users-rabbitmq"))
    try:
        for file in (secrets / "rabbitmq_users.json", DEPLOY / "rabbitmq" / "permissions.json"):
            broker.control("import_definitions", str(file))
        yield Users(broker, secrets)
    finally:
        broker.remove()


def declare(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for name, value in users.told("topology").items():
            patch.setenv(name, value)
        result = CliRunner().invoke(build(), ["broker", "declare", "--json"])
    assert json.loads(result.stdout) == {"declared": True}, result.output


def as_flower(settings: Settings) -> Celery:
    """The application in the process that watches."""
    stages = Stages(
        bootstrap.intake_stage,
        bootstrap.recognition_stage,
        bootstrap.results_stage,
        bootstrap.reconcile_stage,
        bootstrap.bulk_stage,
    )
    return create_app(lambda: settings, stages)


def scan(text: str) -> bytes:
    image = Image.new("L", (640, 120), 255)
    ImageDraw.Draw(image).text((30, 40), text, fill=0, font=ImageFont.load_default(32))
    out = io.BytesIO()
    image.save(out, "PNG", dpi=(200, 200))
    return out.getvalue()


def in_states(app: Application, documents: list[DocumentId], states: set[DocumentState]) -> bool:
    with app.records() as uow:
        counts = uow.counts(document_ids=documents).documents
    return sum(counts[state] for state in states) == len(documents)


def put_into_quarantine(app: Application, document_id: DocumentId) -> None:
    """As three suspicions would, and due for the sweep."""
    with app.records() as uow:
        uow.documents.lock(document_id)
        (page,) = uow.pages.of_document(document_id)
        uow.pages.save(replace(page, quarantined=True, dispatch=page.dispatch + 1, dispatched_at=None))
        uow.commit()


@pytest.mark.timeout(400)
def test_documents_pass_through_workers_that_each_have_a_user_of_their_own(
    users: Users, common: dict[str, str], database: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = users.broker.url.removesuffix("//") + "/ocr"
    users.broker.control("set_permissions", "-p", "ocr", make_url(users.broker.url).username or "", ".*", ".*", ".*")
    environment = {**common, "OCR_PIPELINE_BULK__INTERVAL_SECONDS": "1"}
    with crew(tmp_path, watched, application="workers.app", environment=environment) as workers:

        def start(role: str, queues: tuple[str, ...], *options: str, ready: bool = True) -> None:
            knows = {} if role in {"recognition", "quarantine"} else database
            workers.start(role, queues, *options, extra={**users.told(role), **knows}, ready=ready)

        start("results", (RESULTS,), "-P", "threads", "-c", "1", ready=False)
        until(lambda: "broker declare" in workers.workers[0].output(), "a worker that lacks its queue")
        declare(users, monkeypatch)
        until(lambda: consumers(watched, RESULTS) == 1, "the worker that found its queue")

        with application(settings_of(monkeypatch, common, database, users.told("gateway"))) as app:
            documents = [
                app.submit(Upload(scan(f"page {p}"), f"scan {p}", ClientId("clinic"), p, "test")).document_id
                for p in Priority
            ]
            start("intake", INTAKE_LANES, "-P", "threads", "-c", "3")
            until(lambda: in_states(app, documents, {DocumentState.QUEUED, DocumentState.PROCESSING}), "pages queued")
            put_into_quarantine(app, documents[0])
            start("maintenance", (MAINTENANCE,), "-P", "threads", "-c", "1")
            start("quarantine", (QUARANTINE,), "-P", "prefork", "-c", "1", "--max-tasks-per-child", "1")
            start("bulk", (BULK,), "-P", "threads", "-c", "1")
            workers.start_beat(users.told("beat"))
            until(lambda: in_states(app, documents[:1], set(SETTLED_STATES)), "the page in quarantine", 120)

            seen: list[str] = []
            with Connection(users.url("flower")) as connection:
                receiver = Celery(set_as_current=False).events.Receiver(
                    connection, handlers={"*": lambda event: seen.append(event["type"])}
                )
                events = receiver.itercapture(limit=None, timeout=120, wakeup=False)
                next(events)
                start("recognition", RECOGNITION_LANES, "-P", "threads", ready=False)
                until(lambda: bool(seen) or next(events) is not None, "an event", 120)
            until(lambda: in_states(app, documents, set(SETTLED_STATES)), "every document settled", 120)
            assert "page" in app.read(documents[0], actor="test").pages[0].text
            hearing = [each for each in workers.workers if not each.log.name.startswith("beat")]
            flower = as_flower(settings_of(monkeypatch, users.told("flower")))
            answers = flower.control.inspect(timeout=PATIENCE, limit=len(hearing)).stats()
            assert {name.split("@")[0] for name in answers} == {role for role in READS if READS[role]}
            flower.control.broadcast("shutdown")
            until(lambda: all("kombu.pidbox" in each.output() for each in hearing), "an order that nobody knows")
            figures = DeclaredLanes(users.url("exporter"), KNOWN)()
            assert {lane.name for lane in figures} == set(QUEUES)
        for worker in workers.workers:
            assert worker.process.poll() is None
            assert "ACCESS_REFUSED" not in worker.output()


def allowed(url: str, act: Callable[..., object]) -> bool:
    """Whether the broker lets a user do something on a channel of its own."""
    with Connection(url, transport_options={"confirm_publish": True}) as connection:
        channel = connection.channel()
        try:
            act(channel)
        except AccessRefused:
            return False
        return True


def publish(exchange: str) -> Callable[..., object]:
    """A message that reaches no queue, and that the broker confirms or refuses."""
    return lambda channel: channel.basic_publish_confirm(
        channel.prepare_message(b"{}"), exchange=exchange, routing_key="nobody"
    )


@pytest.mark.parametrize("user", sorted(WRITES))
def test_a_user_may_do_its_part_and_nothing_else(users: Users, monkeypatch: pytest.MonkeyPatch, user: str) -> None:
    declare(users, monkeypatch)
    url = users.url(user)
    assert {queue for queue in QUEUES if allowed(url, lambda c, q=queue: c.basic_get(q))} == READS[user]
    assert {queue for queue in QUEUES if allowed(url, lambda c, q=queue: c.queue_purge(q))} == READS[user]
    assert {exchange for exchange in EXCHANGES if allowed(url, publish(exchange))} == WRITES[user]
    assert not allowed(url, lambda channel: channel.queue_declare("mine", durable=True))
    for queue in QUEUES:
        assert not allowed(url, lambda channel, q=queue: channel.queue_delete(q))
    for exchange in ("ocr.intake", "ocr.results"):
        assert not allowed(url, lambda channel, e=exchange: channel.exchange_delete(e))
        assert not allowed(url, lambda channel, e=exchange: channel.queue_bind(RESULTS, e, "more"))


def test_what_is_forbidden_is_told_as_such(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(users, monkeypatch)
    queue = CeleryWorkQueue(users.url("recognition"), KNOWN)
    with pytest.raises(QueueUnavailable, match="does not allow"):
        queue.send_intake(IntakeTask(new_document_id(), Priority.BULK))
    queue.close()
    queue = CeleryWorkQueue(users.url("gateway"), KNOWN)
    queue.send_intake(IntakeTask(new_document_id(), Priority.BULK))
    assert queue.depths()["intake.bulk"] == 1
    queue.close()


def test_a_broker_without_queues_is_told_as_such(users: Users) -> None:
    name = make_url(users.broker.url).username or ""
    users.broker.control("add_vhost", "bare")
    users.broker.control("set_permissions", "-p", "bare", name, ".*", ".*", ".*")
    queue = CeleryWorkQueue(users.broker.url.removesuffix("//") + "/bare", KNOWN)
    for act in (queue.check, lambda: queue.send_intake(IntakeTask(new_document_id(), Priority.BULK))):
        with pytest.raises(QueueUnavailable, match="broker declare"):
            act()


def test_a_broker_reads_users_and_permissions_from_its_folder(users: Users, tmp_path: Path) -> None:
    """As `load_definitions` of rabbitmq.conf has it, in the order of the names that docker-compose.yml gives them."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    shutil.copy(users.secrets / "rabbitmq_users.json", folder / "10-users.json")
    shutil.copy(DEPLOY / "rabbitmq" / "permissions.json", folder / "20-permissions.json")
    broker = private_broker(tmp_path / "rabbitmq")
    try:
        broker.stop()
        with (broker.directory / "rabbitmq.conf").open("a") as configuration:
            configuration.write(f"load_definitions = {folder}\n")
        broker.start()
        listed = json.loads(broker.control("list_permissions", "-p", "ocr", "--formatter", "json"))
        assert {each["user"] for each in listed} == {*WRITES, "topology", "watcher"}
    finally:
        broker.remove()
