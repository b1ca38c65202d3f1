"""Starting, watching and ending worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from amqp.exceptions import NotFound
from kombu import Connection

from ocr_pipeline.adapters.queues.links import BROKER_ERRORS
from ocr_pipeline.adapters.queues.topology import INTAKE_LANES, MAINTENANCE
from ocr_pipeline.domain.priorities import Stage
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[1]


def consumers(url: str, queue: str) -> int:
    """How many consume a queue."""
    try:
        with Connection(url, connect_timeout=PATIENCE) as connection:
            return int(connection.channel().queue_declare(queue, passive=True).consumer_count)
    except (NotFound, *BROKER_ERRORS):
        return 0


@dataclass
class Worker:
    """One Celery command."""

    process: subprocess.Popen[bytes]
    log: Path

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash of the machine does: the worker and its children at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def wait(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(seconds)

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class Crew:
    """The workers of one test."""

    folder: Path
    broker_url: str
    application: str = "tests.worker_programs"
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)

    def start(
        self,
        name: str,
        queues: tuple[str, ...],
        *options: str,
        ready: bool = True,
        extra: Mapping[str, str] | None = None,
    ) -> Worker:
        """Start a worker over some queues and wait until it consumes them; `extra` is for its environment alone."""
        before = {queue: consumers(self.broker_url, queue) for queue in queues} if ready else {}
        base = [sys.executable, "-m", "celery", "-A", self.application]
        flags = ["--without-heartbeat", "-l", "INFO"]
        command = [*base, "worker", "-n", f"{name}@%h", "-Q", ",".join(queues), *flags, *options]
        worker = self._run(name, command, extra or {})
        if ready:
            until(lambda: self._consumes(worker, before), f"{name} consuming", every=0.25)
        return worker

    def start_stages(self, database: Mapping[str, str]) -> None:
        """Every stage but recognition, by its documented command; only these hear of the database."""
        self.start("intake", INTAKE_LANES, "-P", "threads", "-c", "3", extra=database, ready=False)
        self.start("results", (Stage.RESULTS.value,), "-P", "threads", "-c", "2", extra=database, ready=False)
        self.start("maintenance", (MAINTENANCE,), "-P", "threads", "-c", "1", extra=database, ready=False)

    def start_beat(self, extra: Mapping[str, str] | None = None) -> Worker:
        command = [sys.executable, "-m", "celery", "-A", self.application, "beat", "-l", "INFO"]
        return self._run("beat", command, extra or {})

    def end(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()

    def _consumes(self, worker: Worker, before: Mapping[str, int]) -> bool:
        assert worker.process.poll() is None, f"a worker ended at once:\n{worker.output()[-3000:]}"
        return all(consumers(self.broker_url, queue) > count for queue, count in before.items())

    def _run(self, name: str, command: list[str], extra: Mapping[str, str]) -> Worker:
        log = self.folder / f"{name}-{len(self.workers)}.log"
        own = {
            "PYTHONPATH": str(ROOT),
            "OCR_TEST_STAGE": str(self.folder),
            "OCR_PIPELINE_BROKER__URL": self.broker_url,
            "OCR_PIPELINE_LOG_FORMAT": "json",
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("OCR_PIPELINE")}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**kept, **own, **self.environment, **extra},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.workers.append(Worker(process, log))
        return self.workers[-1]


@contextmanager
def crew(folder: Path, broker_url: str, **options: object) -> Iterator[Crew]:
    """Workers that are gone at the end of the block, whatever happened."""
    made = Crew(folder, broker_url, **options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.end()
