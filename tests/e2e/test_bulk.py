"""Two thousand documents in a bulk run on real services, paused, with everything killed and started again."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image
from sqlalchemy import URL

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.queues.topology import BULK, INTAKE_LANES, MAINTENANCE, RECOGNITION_LANES
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.bulk import ItemState, RunId, RunState
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.settings import Settings
from tests.e2e.cli_harness import Cli
from tests.waiting import until
from tests.worker_harness import Crew, crew
from tools.private_rabbitmq import PrivateRabbitMq

pytestmark = [pytest.mark.services, pytest.mark.slow]

FILES = 2_000
DEADLINE = 1200.0


def scan(number: int) -> bytes:
    """A tiny page that no other number gives."""
    page = Image.new("L", (96, 32), 255)
    for bit in range(12):
        if number >> bit & 1:
            page.paste(0, (4 + 7 * bit, 8, 8 + 7 * bit, 24))
    out = io.BytesIO()
    page.save(out, "PNG", dpi=(200, 200))
    return out.getvalue()


@pytest.fixture
def source(object_server: S3Endpoint) -> Iterator[str]:
    """The address of a prefix with all files."""
    client, bucket = replace(object_server, attempts=10).client(), f"source-{uuid4().hex}"
    client.create_bucket(Bucket=bucket)

    def put(number: int) -> None:
        client.put_object(Bucket=bucket, Key=f"charts/kim {number:04}.png", Body=scan(number))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(FILES)))
    yield f"s3://{bucket}/charts"
    client.close()


@pytest.fixture
def environment(tmp_path: Path, object_server: S3Endpoint) -> dict[str, str]:
    """What every process may know."""
    keys = tmp_path / "keys.json"
    LocalFileKeyProvider.create(keys)
    return {
        "OCR_PIPELINE_DATA_DIR": str(tmp_path / "data"),
        "OCR_PIPELINE_KEYS__PATH": str(keys),
        "OCR_PIPELINE_STORAGE__KIND": "s3",
        "OCR_PIPELINE_STORAGE__BUCKET": f"bulk-{uuid4().hex}",
        "OCR_PIPELINE_STORAGE__CREATE_BUCKET": "true",
        "OCR_PIPELINE_STORAGE__ENDPOINT_URL": str(object_server.endpoint_url),
        "OCR_PIPELINE_STORAGE__ACCESS_KEY": str(object_server.access_key),
        "OCR_PIPELINE_STORAGE__SECRET_KEY": str(object_server.secret_key),
        "OCR_PIPELINE_WORKER__SLOTS": "3",
        "OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "2",
        "OCR_PIPELINE_BULK__INTERVAL_SECONDS": "2",
        "OCR_PIPELINE_BULK__LANE_TARGET": "200",
        "OCR_PIPELINE_BULK__PRICE_PER_GPU_HOUR": "2.5",
    }


@contextmanager
def pipeline(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Iterator[Application]:
    with monkeypatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = Settings()
    with application(settings) as app:
        yield app


def start_all(workers: Crew, database: dict[str, str]) -> None:
    workers.start("intake", INTAKE_LANES, "-P", "threads", "-c", "3", extra=database, ready=False)
    workers.start("results", ("results",), "-P", "threads", "-c", "2", extra=database, ready=False)
    workers.start("maintenance", (MAINTENANCE,), "-P", "threads", "-c", "1", extra=database, ready=False)
    workers.start("recognition", RECOGNITION_LANES, "-P", "threads", ready=False)
    workers.start("bulk", (BULK,), "-P", "threads", "-c", "1", extra=database, ready=False)
    workers.start_beat()


def items(app: Application, run: RunId) -> Counter[ItemState]:
    found: Counter[ItemState] = Counter()
    with app.records() as uow:
        for tally in uow.bulk_figures.tallies(run):
            found[tally.state] += tally.items
    return found


def state(app: Application, run: RunId) -> RunState:
    with app.records() as uow:
        return uow.bulk_runs.get(run).state


@pytest.mark.timeout(3600)
def test_a_run_outlives_the_death_of_everything(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broker: PrivateRabbitMq,
    environment: dict[str, str],
    postgres_url: URL,
    source: str,
) -> None:
    database = {"OCR_PIPELINE_DATABASE__URL": postgres_url.render_as_string(hide_password=False)}
    everything = {**environment, **database, "OCR_PIPELINE_BROKER__URL": broker.url}
    cli = Cli(tmp_path / "data", **everything)
    run = RunId(_uuid(cli.run("bulk", "create", source, "--any-time", "--label", "Ward 7"), items=FILES))
    with ExitStack() as stack:
        app = stack.enter_context(pipeline(monkeypatch, everything))
        first = stack.enter_context(
            crew(tmp_path, broker.url, application="tests.bulk_programs", environment=environment)
        )
        start_all(first, database)
        assert cli.run("bulk", "start", str(run))["state"] == "running"
        until(lambda: items(app, run)[ItemState.DONE] >= FILES // 8, "the first files", DEADLINE, every=0.5)

        cli.run("bulk", "pause", str(run))
        until(lambda: items(app, run)[ItemState.HANDED_OUT] == 0, "a paused run at rest", DEADLINE, every=0.5)
        waiting = items(app, run)[ItemState.WAITING]
        assert 0 < waiting < FILES, "the run was paused too late to prove anything"
        cli.run("bulk", "resume", str(run))
        until(lambda: items(app, run)[ItemState.WAITING] < waiting - FILES // 20, "a run resumed", DEADLINE, every=0.5)

        first.end()
        broker.kill()
        left = items(app, run)
        assert left[ItemState.WAITING] > 0, "everything was killed too late to prove anything"
        broker.start()
        (tmp_path / "second").mkdir()
        second = stack.enter_context(
            crew(tmp_path / "second", broker.url, application="tests.bulk_programs", environment=environment)
        )
        start_all(second, database)
        until(lambda: state(app, run) is RunState.FINISHED, "the run finished", DEADLINE, every=0.5)
        check_every_file(app, run)
    check_outputs(cli, run, tmp_path)
    assert "kim" not in "".join(worker.output() for worker in (*first.workers, *second.workers))


def _uuid(answer: dict[str, Any], *, items: int) -> UUID:
    assert (answer["items"], answer["refused"], answer["duplicates"]) == (items, 0, 0)
    return UUID(answer["run_id"])


def check_every_file(app: Application, run: RunId) -> None:
    """Every file became one document, and there is no other."""
    assert items(app, run) == {ItemState.DONE: FILES}
    with app.records() as uow:
        segments = uow.bulk_items.segments(run, range(1, FILES + 1))
        counts = uow.counts()
    documents = {segment.document_id for segment in segments}
    assert len(segments) == len(documents) == FILES
    assert sum(counts.documents.values()) == FILES
    assert sum(counts.pages.values()) == FILES
    # Most at least: a page that was in hand when everything died may have been given to a person.
    assert counts.documents[DocumentState.COMPLETED] > FILES * 0.9
    names = set()
    for document_id in sorted(documents)[::100]:
        names.add(app.read(document_id, actor="test").name)
        with app.records() as uow:
            kinds = Counter(event.entry.kind for event in uow.audit.events(document_id))
        assert kinds[AuditKind.DOCUMENT_RECEIVED] == kinds[AuditKind.DOCUMENT_QUEUED] == 1
        assert sum(kinds[kind] for kind in (AuditKind.PAGE_ACCEPTED, AuditKind.PAGE_IN_REVIEW)) == 1
    assert len(names) == FILES // 100
    assert [check.fault for check in app.verify() if check.fault is not None] == []


def check_outputs(cli: Cli, run: RunId, folder: Path) -> None:
    report, listed = folder / "report.html", folder / "items.csv"
    told = cli.run("bulk", "report", str(run), "--out", report, "--csv", listed, "--with-names")
    assert told["items"]["done"] == sum(told["pages"].values()) == FILES
    assert [event["state"] for event in told["events"]] == [
        "listing", "created", "running", "paused", "running", "finished",
    ]  # fmt: skip
    assert sum(each["items"] for each in told["throughput"]) == FILES
    page = report.read_text()
    assert "Ward 7" in page
    assert "<svg" in page
    assert "kim" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/", "")
    with listed.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == {f"kim {number:04}.png" for number in range(FILES)}
    assert {row["state"] for row in rows} == {"done"}
