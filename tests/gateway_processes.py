"""Gateways as they are run: `ocr-pipeline serve` processes over one data directory, with an engine that a test steers.

The engine comes by the `ocr_pipeline.engines` entry point, as one of another package would; `build` here is what the
entry point names. Of the processes of a data directory one reads the pages, and another takes over when it ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ocr_pipeline.bootstrap import application
from ocr_pipeline.client import SignedAuth
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.text import Block, Line, PageText, Word
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions
from ocr_pipeline.settings import Settings
from tests.e2e.cli_harness import PROGRAM
from tests.front_proxy_harness import DEADLINE, ROOT, Front
from tests.plain_http import get, no_authorities
from tests.waiting import until
from tools.ports import free_port

SAID = "Amlodipine 5 mg once daily"
_BUSY, _SLOW = "busy", "seconds"
_START_SECONDS = 240.0


class SteeredEngine:
    """Reads the same words on every page, once it may, and as slowly as it should."""

    name = "steered/1"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        while (self._folder / _BUSY).exists():
            time.sleep(0.02)
        with suppress(FileNotFoundError):
            time.sleep(float((self._folder / _SLOW).read_text()))
        words = tuple(Word(word, 0.99) for word in SAID.split())
        return PageText((Block((Line(words),)),), self.name, page.width, page.height, ink=0.05)

    def check(self) -> None:
        """Always well."""

    def close(self) -> None:
        """Nothing to give back."""


def build(*, slots: int, folder: str) -> SteeredEngine:
    """What the entry point names."""
    return SteeredEngine(Path(folder))


@dataclass
class GatewayProcess:
    """One process of the command, on a port that it keeps over a stop and a start."""

    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Start, without waiting until it is ready."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [PROGRAM, "serve", "--port", str(self.port), "--drain-seconds", str(DEADLINE)],
                cwd=self.log.parent,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start(self) -> None:
        """Returns once it is ready."""
        self.begin()
        self.wait()

    def wait(self) -> None:
        """Until it is ready."""
        until(self._is_ready, "the gateway to start", _START_SECONDS)

    def tell_to_stop(self) -> None:
        """As a rolling deploy does; the requests in hand go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash of its machine does."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(DEADLINE)
            self._process = None

    def listens(self) -> bool:
        """Whether a connection can be made."""
        try:
            socket.create_connection(("127.0.0.1", self.port), DEADLINE).close()
        except OSError:
            return False
        return True

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def answered(self) -> list[dict[str, Any]]:
        """The log lines of the requests that it answered, in order."""
        lines = (json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == "request" and line["route"] != "/health/live"]

    def _is_ready(self) -> bool:
        assert not self.has_ended(), self.log.read_text("utf-8")[-3000:]
        try:
            return get(f"{self.url}/health/ready", seconds=10).status_code == 200
        except httpx.TransportError:
            return False


class GatewayPair:
    """Two gateways over one data directory and database."""

    def __init__(self, folder: Path, database: str, **settings: str) -> None:
        self._folder = folder
        self._settings = Settings(data_dir=folder / "data", database={"url": database})
        environment = self._environment(database, settings)
        self.processes = [GatewayProcess(environment, folder / f"gateway-{number}.log") for number in range(2)]

    @property
    def ports(self) -> list[int]:
        return [process.port for process in self.processes]

    def start(self) -> None:
        for process in self.processes:
            process.begin()
        for process in self.processes:
            process.wait()

    def kill(self) -> None:
        for process in self.processes:
            process.kill()

    def busy(self, *, is_busy: bool) -> None:
        """Whether the engine is held up."""
        flag = self._folder / _BUSY
        flag.touch() if is_busy else flag.unlink(missing_ok=True)

    def slow(self, seconds: float) -> None:
        """How long a page takes."""
        (self._folder / _SLOW).write_text(str(seconds))

    def issue(self, name: str, **wanted: Any) -> IssuedKey:
        """A client and its key."""
        with application(self._settings) as app:
            ManageClients(app.records, app.clock).create(
                ClientId(name), Changes(**{"requests_per_minute": 60_000, "burst": 1_000, **wanted})
            )
            return ManageKeys(app.records, app.vault, app.clock).create(ClientId(name))

    def counted(self) -> int:
        """How many documents are kept."""
        with application(self._settings) as app, app.records() as uow:
            return sum(uow.counts().documents.values())

    def _environment(self, database: str, settings: dict[str, str]) -> dict[str, str]:
        engines = self._folder / "engines"
        described = engines / "steered_engine-1.dist-info"
        described.mkdir(parents=True)
        (described / "METADATA").write_text("Metadata-Version: 2.1\nName: steered-engine\nVersion: 1\n")
        (described / "entry_points.txt").write_text(f"[ocr_pipeline.engines]\nsteered = {__name__}:build\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OCR_PIPELINE_")}
        own = {
            "PYTHONPATH": f"{engines}{os.pathsep}{ROOT}",
            "OCR_PIPELINE_DATA_DIR": str(self._settings.home),
            "OCR_PIPELINE_DATABASE__URL": database,
            "OCR_PIPELINE_ENGINE__NAME": "steered",
            "OCR_PIPELINE_ENGINE__OPTIONS": json.dumps({"folder": str(self._folder)}),
            "OCR_PIPELINE_GATEWAY__POLL_SECONDS": "0.05",
            "OCR_PIPELINE_LOG_FORMAT": "json",
        }
        return {**kept, **own, **settings}


def directly(process: GatewayProcess, key: IssuedKey) -> httpx.Client:
    """Signs with the key, and asks one gateway with no proxy before it."""
    auth = SignedAuth(key.key.id, key.secret)
    return httpx.Client(base_url=process.url, auth=auth, timeout=DEADLINE, trust_env=False, verify=no_authorities())


def through(front: Front, key: IssuedKey, **options: Any) -> httpx.Client:
    """Signs with the key, and asks the gateways through the proxy."""
    auth = SignedAuth(key.key.id, key.secret)
    return httpx.Client(base_url=front.url, auth=auth, verify=front.trust, timeout=DEADLINE, trust_env=False, **options)
