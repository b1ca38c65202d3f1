"""A distributed pipeline of its own for a measurement: services, two gateway processes, workers of every stage."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.load import engine
from ocr_pipeline.adapters.queues.topology import RECOGNITION_LANES
from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys
from ocr_pipeline.settings import Settings
from tests.worker_harness import ROOT, Crew, crew, until
from tools.services import Services

Environment = dict[str, str]
GATEWAYS = 2
IDLE_BODY_SECONDS = 2.0

_SHOWN = 3_000
_DATABASE = "OCR_PIPELINE_DATABASE__URL"
_PROGRAM = Path(sys.executable).with_name("ocr-pipeline")


@dataclass(frozen=True, slots=True)
class Place:
    """A running pipeline: where its front door is, its records and store, and its processes by name."""

    url: str
    app: Application
    folder: Path
    processes: dict[str, psutil.Process]

    def issue(self, name: str, wanted: Changes) -> IssuedKey:
        """A new client with a key."""
        ManageClients(self.app.records, self.app.clock).create(ClientId(name), wanted)
        return ManageKeys(self.app.records, self.app.vault, self.app.clock).create(ClientId(name))

    def logs(self) -> dict[str, str]:
        """What each process has logged."""
        return {path.stem: path.read_text("utf-8", errors="replace") for path in sorted(self.folder.glob("*.log"))}


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Everything started and ready; all of it is gone at the end. Raises ServiceError, SeaweedError."""
    services = Services(folder / "services")
    try:
        services.up()
        environment = _environment(folder, _read(folder / "services" / "pipeline.env"))
        with (
            _settings_in(environment),
            _gateways(folder, environment) as (url, gateways),
            crew(folder, environment["OCR_PIPELINE_BROKER__URL"], application="workers.app") as workers,
            application(Settings()) as app,
        ):
            started = _start(workers, environment)
            names = {f"gateway-{number}": process for number, process in enumerate(gateways, 1)}
            yield Place(url, app, folder, {**names, **started})
    except (AssertionError, TimeoutError):
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text('utf-8', errors='replace')[-_SHOWN:]}", file=sys.stderr)
        raise
    finally:
        services.down()


def _environment(folder: Path, services: Environment) -> Environment:
    return {
        **services,
        "PYTHONPATH": f"{engine.installed(folder)}{os.pathsep}{ROOT}",
        "OCR_PIPELINE_ENGINE__NAME": engine.NAME,
        "OCR_PIPELINE_DATA_DIR": str(folder / "data"),
        "OCR_PIPELINE_STORAGE__BUCKET": "load",
        "OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "5",
        "OCR_PIPELINE_WORKER__SLOTS": "2",
        "OCR_PIPELINE_GATEWAY__IDLE_BODY_SECONDS": str(IDLE_BODY_SECONDS),
    }


def _read(path: Path) -> Environment:
    lines = path.read_text("utf-8").splitlines()
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def _start(workers: Crew, environment: Environment) -> dict[str, psutil.Process]:
    """Each stage by its documented command; a recognition worker hears of no database."""
    workers.environment = {name: value for name, value in environment.items() if name != _DATABASE}
    workers.start_stages({_DATABASE: environment[_DATABASE]})
    workers.start("recognition", RECOGNITION_LANES, "-P", "threads")
    workers.start_beat()
    return {worker.log.stem.rpartition("-")[0]: psutil.Process(worker.process.pid) for worker in workers.workers}


@contextmanager
def _gateways(folder: Path, environment: Environment) -> Iterator[tuple[str, list[psutil.Process]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [str(_PROGRAM), "--log-level", "info", "serve", "--port", str(port), "--processes", str(GATEWAYS)]
    with (folder / "gateway.log").open("wb") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        until(lambda: _answers(server, url), "a gateway that is ready", 90)
        yield url, _serving(server)
    finally:
        server.terminate()
        server.wait(90)


def _serving(server: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that answer: children of the one that watches them, without the helper of multiprocessing."""

    def serving() -> list[psutil.Process]:
        children = psutil.Process(server.pid).children()
        return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]

    until(lambda: len(serving()) == GATEWAYS, "every gateway process", 60)
    return serving()


def _answers(server: subprocess.Popen[bytes], url: str) -> bool:
    if server.poll() is not None:
        raise SystemExit("the gateway has ended")
    try:
        return httpx.get(f"{url}/health/ready", trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def _settings_in(environment: Environment) -> Iterator[None]:
    """These settings and no others in this process's environment."""
    kept = dict(os.environ)
    for name in kept:
        if name.startswith("OCR_PIPELINE_"):
            del os.environ[name]
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
