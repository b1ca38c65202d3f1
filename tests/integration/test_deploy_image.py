"""The worker's image, run as it is deployed: without root, without capabilities, on a read-only file system.

tools/image_build_check.sh builds it and names it in OCR_TEST_IMAGE; without that there is nothing to run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.adapters.queues.topology import INTAKE_LANES, MAINTENANCE
from ocr_pipeline.bootstrap import application
from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentState
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.intake.submit import Upload
from ocr_pipeline.settings import load
from tests.waiting import until
from tests.worker_harness import ROOT, crew

IMAGE = os.environ.get("OCR_TEST_IMAGE", "")
USER = 10001
SCRATCH = ("/tmp", "/var/lib/ocr-pipeline")  # noqa: S108 - a container's own
SAMPLE = "prescription-ko-scan-01.pdf"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IMAGE, reason="OCR_TEST_IMAGE names no image: run tools/image_build_check.sh"),
]


def podman(*arguments: str) -> list[str]:
    store = Path(os.environ["OCR_TEST_IMAGE_STORE"])
    places = ["--root", str(store / "store"), "--runroot", str(store / "run"), "--storage-driver", "overlay"]
    return ["podman", *places, *arguments]


def hardened(name: str, *options: str) -> list[str]:
    """A container as docker-compose.yml starts one; the limits are what a machine without systemd can set."""
    return podman(
        "run", "--rm", "--name", name, "--runtime", "runc", "--network", "host", "--no-healthcheck",
        "--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1024:1024",
        "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges",
        *(part for place in SCRATCH for part in ("--tmpfs", f"{place}:mode=1777")),
        *options, IMAGE,
    )  # fmt: skip


def output_of(*options_and_command: str, options: tuple[str, ...] = ()) -> str:
    command = [*hardened(f"ocr-{uuid4().hex[:8]}", *options), *options_and_command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_it_runs_as_nobody_in_particular_and_can_change_nothing() -> None:
    said = output_of("sh", "-c", "id -u; touch /opt/x 2>/dev/null || echo read-only; cat /proc/self/status")
    assert said.splitlines()[:2] == [str(USER), "read-only"]
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said


def test_it_holds_no_compiler_no_installer_and_nothing_that_runs_as_root() -> None:
    found = (
        "find / -xdev -type f -perm /6000; for each in gcc cc make pip pip3 git curl; do command -v $each; done; true"
    )
    assert output_of("sh", "-c", found) == ""


def test_it_reads_a_document_with_nothing_beside_it() -> None:
    options = ("--volume", f"{ROOT / 'samples'}:/samples:ro", "--env", "OCR_PIPELINE_KEYS__PATH=/tmp/keys/keys.json")
    said = output_of(
        "sh", "-c", f"ocr-pipeline run /samples/{SAMPLE} --out /tmp/out >&2; cat /tmp/out/*.txt", options=options
    )
    assert len(said) > 200


@pytest.fixture
def secrets(tmp_path: Path, broker_url: str, object_server: S3Endpoint) -> Path:
    """What a recognition worker may know, a file each."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for setting, value in {
        "broker__url": broker_url,
        "storage__access_key": object_server.access_key,
        "storage__secret_key": object_server.secret_key,
    }.items():
        (folder / setting).write_text(f"{value}\n")
    return folder


@pytest.fixture
def shared(tmp_path: Path, object_server: S3Endpoint) -> dict[str, str]:
    """What all processes are told alike."""
    return {
        "OCR_PIPELINE_STORAGE__KIND": "s3",
        "OCR_PIPELINE_STORAGE__BUCKET": f"image-{uuid4().hex}",
        "OCR_PIPELINE_STORAGE__CREATE_BUCKET": "true",
        "OCR_PIPELINE_STORAGE__ENDPOINT_URL": str(object_server.endpoint_url),
        "OCR_PIPELINE_WORKER__SLOTS": "1",
        "OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "2",
        "OCR_PIPELINE_REQUEST_TIMEOUT_SECONDS": "120",
    }


@pytest.fixture
def lent_keys(tmp_path: Path) -> Path:
    """A key file as a named volume would hold it, of the user that the container runs as, and a copy for this side."""
    LocalFileKeyProvider.create(tmp_path / "keys" / "keys.json")
    lent = tmp_path / "lent-keys"
    shutil.copytree(tmp_path / "keys", lent)
    for each in (lent, lent / "keys.json"):
        os.chown(each, USER, USER)
    return lent


@contextmanager
def recognition_worker(log: Path, shared: dict[str, str], secrets: Path, keys: Path) -> Iterator[None]:
    """A container with the image's own command, ended as its orchestrator ends it."""
    name = f"ocr-{uuid4().hex[:8]}"
    told = shared | {"OCR_PIPELINE_SECRETS_DIR": "/run/secrets"}
    mounts = {secrets: "/run/secrets", keys: "/etc/ocr-pipeline/keys"}
    options = [part for key, value in told.items() for part in ("--env", f"{key}={value}")]
    options += [part for here, there in mounts.items() for part in ("--volume", f"{here}:{there}:ro")]
    with log.open("wb") as output:
        process = subprocess.Popen(hardened(name, *options), stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
        subprocess.run(podman("stop", "--time", "75", name), capture_output=True, check=True)
        assert process.wait(80) == 0, log.read_text(errors="replace")[-3000:]
    finally:
        subprocess.run(podman("rm", "--force", "--ignore", name), capture_output=True, check=False)
        process.wait(30)


@pytest.mark.services
@pytest.mark.timeout(400)
def test_its_recognition_worker_reads_pages_and_knows_no_database(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    broker_url: str,
    postgres_url: URL,
    shared: dict[str, str],
    secrets: Path,
    lent_keys: Path,
) -> None:
    here = shared | {
        "OCR_PIPELINE_DATA_DIR": str(tmp_path / "data"),
        "OCR_PIPELINE_KEYS__PATH": str(tmp_path / "keys" / "keys.json"),
        "OCR_PIPELINE_SECRETS_DIR": str(secrets),
        "OCR_PIPELINE_DATABASE__URL": postgres_url.render_as_string(hide_password=False),
    }
    for name, value in here.items():
        monkeypatch.setenv(name, value)
    sample = (ROOT / "samples" / SAMPLE).read_bytes()
    with (
        application(load()) as app,
        crew(tmp_path, broker_url, application="workers.app", environment=here) as workers,
        recognition_worker(tmp_path / "container.log", shared, secrets, lent_keys),
    ):
        workers.start("intake", INTAKE_LANES, "-P", "threads", "-c", "3", ready=False)
        workers.start("results", ("results",), "-P", "threads", "-c", "2", ready=False)
        workers.start("maintenance", (MAINTENANCE,), "-P", "threads", "-c", "1", ready=False)
        workers.start_beat()
        document = app.submit(Upload(sample, SAMPLE, ClientId("clinic"), Priority.ROUTINE, "test")).document_id

        def settled() -> bool:
            with app.records() as uow:
                counts = uow.counts(document_ids=[document]).documents
            return any(counts[state] for state in counts if state in SETTLED_STATES)

        until(settled, "the document settled", 300)
        result = app.read(document, actor="test")
        assert result.document.state in {DocumentState.COMPLETED, DocumentState.NEEDS_REVIEW}
        assert [page.number for page in result.pages] == [1, 2]
        assert all(len(page.text) > 100 for page in result.pages)
    assert '"worker ready"' in (tmp_path / "container.log").read_text(errors="replace")
