"""The sign of life of worker processes: of those that work, of those that wait for a broker, and of beat."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import until
from tests.worker_harness import Crew, crew
from tools.ports import free_port
from workers.pulse import BEAT_SECONDS, Pulse

RESULTS = ("results",)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pulse"


@pytest.fixture
def workers(tmp_path: Path, broker_url: str, file: Path) -> Iterator[Crew]:
    environment = {"OCR_PIPELINE_WORKER__PULSE_FILE": str(file), "OCR_PIPELINE_RECONCILE__INTERVAL_SECONDS": "1"}
    with crew(tmp_path, broker_url, environment=environment) as workers:
        yield workers


def beats(file: Path) -> bool:
    """Whether the file was touched since it was last asked for."""
    if not file.exists() or file.stat().st_mtime == 0:
        return False
    os.utime(file, (0, 0))
    return True


@pytest.mark.services
@pytest.mark.slow
def test_the_loop_of_a_connected_worker_beats_and_a_frozen_one_does_not(workers: Crew, file: Path) -> None:
    worker = workers.start("results", RESULTS, "-c", "1")
    for turn in range(3):
        until(lambda: beats(file), f"beat {turn}")
    worker.process.send_signal(signal.SIGSTOP)
    until(lambda: psutil.Process(worker.process.pid).status() == psutil.STATUS_STOPPED, "the worker to freeze")
    beats(file)
    with pytest.raises(AssertionError, match="a beat of a frozen worker"):
        until(lambda: beats(file), "a beat of a frozen worker", seconds=BEAT_SECONDS + 1)


@pytest.mark.slow
def test_a_worker_that_waits_for_its_broker_is_alive(tmp_path: Path, file: Path) -> None:
    nobody = f"amqp://guest:guest@127.0.0.1:{free_port()}//"
    with crew(tmp_path, nobody, environment={"OCR_PIPELINE_WORKER__PULSE_FILE": str(file)}) as workers:
        workers.start("results", RESULTS, "-c", "1", ready=False)
        for turn in range(3):
            until(lambda: beats(file), f"beat {turn}")


@pytest.mark.services
@pytest.mark.slow
def test_beat_beats(workers: Crew, file: Path) -> None:
    workers.start_beat()
    for turn in range(3):
        until(lambda: beats(file), f"beat {turn}")


def test_a_place_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    Pulse(tmp_path / "nowhere" / "pulse").beat()


def test_without_a_file_nothing_happens() -> None:
    pulse = Pulse(None)
    pulse.beat()
    pulse.wait_for_broker()
    pulse.connected()
