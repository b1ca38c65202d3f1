"""`engine serve` over real processes and real signals; the model server is a stand-in."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.fake_vllm_program import Script
from tests.plain_http import get
from tests.waiting import PATIENCE, until
from tests.worker_harness import ROOT
from tools.ports import free_port

PROGRAM = ROOT / "tests" / "engine_serve_program.py"
CANARY = "홍길동-Metformin-500mg"
GIVES_UP = {"reading": 4.0, "failures": 1}
"""Patience with a server that hangs for good."""


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@dataclass
class Supervised:
    """A supervisor at work, and what it looks after."""

    process: subprocess.Popen[bytes]
    script: Script
    port: int
    health_port: int
    log: Path

    def get(self, path: str) -> httpx.Response:
        return get(f"http://127.0.0.1:{self.health_port}{path}")

    def ready(self) -> bool:
        try:
            return self.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def state(self) -> str:
        try:
            return str(self.get("/health/ready").json()["state"])
        except httpx.TransportError:
            return "silent"

    def metric(self, name: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    def wait_ready(self) -> None:
        until(self.ready, "a reading server")

    def wait_start(self, number: int) -> dict[str, Any]:
        until(lambda: len(self.script.starts()) >= number, f"start {number}")
        return self.script.starts()[number - 1]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


Start = Callable[..., Supervised]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    script = Script(tmp_path)
    script.write()
    return script


@pytest.fixture
def start(script: Script) -> Iterator[Start]:
    running: list[Supervised] = []

    def begin(port: int | None = None, **patience: float) -> Supervised:
        port, health_port = port or free_port(), free_port()
        log = script.folder / f"supervisor-{len(running)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(script.folder), str(port), str(health_port)],
                env=os.environ
                | {
                    "PYTHONPATH": str(ROOT),
                    "PATIENCE": json.dumps(patience),
                    "OCR_PIPELINE_DATABASE__URL": "postgresql://secret",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        supervised = Supervised(process, script, port, health_port, log)
        running.append(supervised)
        return supervised

    yield begin
    for each in running:
        each.process.kill()
        each.process.wait()
    for noted in script.starts():
        until(lambda noted=noted: gone(noted["pid"]), "the last server to be gone")  # type: ignore[misc]


def test_is_ready_only_when_it_reads(script: Script, start: Start) -> None:
    script.write(listen=False)
    supervised = start()
    supervised.wait_start(1)
    until(lambda: supervised.state() == "starting", "starting")
    assert supervised.get("/health/live").status_code == 200
    script.write(text="8180")
    until(lambda: supervised.state() == "reading", "a server that reads wrong")
    assert supervised.get("/health/ready").status_code == 503
    script.write()
    supervised.wait_ready()
    assert supervised.metric('ocr_model_server_state{state="ready"}') == 1.0
    assert supervised.metric("ocr_model_server_reading_seconds") > 0
    assert supervised.end() == 0


def test_tells_how_a_long_start_stands(script: Script, start: Start) -> None:
    script.write(listen=False)
    supervised = start()
    until(lambda: any("not ready yet" in event["event"] for event in supervised.events()), "a line of progress")
    event = next(event for event in supervised.events() if "not ready yet" in event["event"])
    assert event["state"] == "starting"
    assert event["at_most"] == 1800


def test_the_server_gets_no_secret_and_leaves_no_core(script: Script, start: Start) -> None:
    supervised = start()
    first = supervised.wait_start(1)
    assert first["secrets"] == []
    assert first["core"] <= 1
    assert "--scheduling-policy" in first["arguments"]


def test_a_killed_server_is_started_again(script: Script, start: Start) -> None:
    supervised = start()
    supervised.wait_ready()
    os.kill(supervised.wait_start(1)["pid"], signal.SIGKILL)
    second = supervised.wait_start(2)
    supervised.wait_ready()
    assert not gone(second["pid"])
    assert supervised.metric('ocr_model_server_faults_total{fault="exited"}') == 1.0


@pytest.mark.parametrize("helper", ["near", "apart"])
def test_what_a_dead_server_leaves_is_ended_too(script: Script, start: Start, helper: str) -> None:
    script.write(helper=helper)
    supervised = start()
    supervised.wait_ready()
    first = supervised.wait_start(1)
    assert not gone(first["helper"])
    os.kill(first["pid"], signal.SIGKILL)
    supervised.wait_start(2)
    assert gone(first["helper"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_what_a_lost_server_held_in_shared_memory_is_removed(
    script: Script, start: Start, number: signal.Signals
) -> None:
    script.write(shared=True)
    supervised = start(**GIVES_UP)
    supervised.wait_ready()
    first = supervised.wait_start(1)
    memory = Path("/dev/shm") / first["shared"]  # noqa: S108 - where shared memory is
    assert memory.exists()
    os.kill(first["pid"], number)
    supervised.wait_start(2)
    assert not memory.exists()


def test_a_stopped_server_is_noticed_and_replaced(script: Script, start: Start) -> None:
    supervised = start(**GIVES_UP)
    supervised.wait_ready()
    first = supervised.wait_start(1)["pid"]
    os.kill(first, signal.SIGSTOP)
    supervised.wait_start(2)
    assert gone(first)
    assert not script.asked()
    supervised.wait_ready()
    assert supervised.metric('ocr_model_server_faults_total{fault="hung"}') == 1.0


def test_a_server_that_comes_to_read_wrong_is_replaced(script: Script, start: Start) -> None:
    supervised = start()
    supervised.wait_ready()
    script.write(text="8180")
    supervised.wait_start(2)
    script.write()
    supervised.wait_ready()


def test_a_busy_server_is_left_alone(script: Script, start: Start) -> None:
    supervised = start(failures=2, hung=60.0)
    supervised.wait_ready()
    script.write(busy=True)
    until(lambda: supervised.metric("ocr_model_server_reading_age_seconds") > 1.0, "readings without an answer")
    assert len(script.starts()) == 1
    assert not gone(supervised.wait_start(1)["pid"])


def test_a_server_too_busy_for_too_long_is_replaced(script: Script, start: Start) -> None:
    supervised = start(hung=0.5)
    supervised.wait_ready()
    script.write(busy=True)
    supervised.wait_start(2)


def test_gives_up_on_a_server_that_never_reads(script: Script, start: Start) -> None:
    script.write(exit=2)
    supervised = start(starts=3)
    assert supervised.process.wait(PATIENCE) == 1
    assert len(script.starts()) == 3
    assert "engine_unavailable" in supervised.log.read_text()


def test_a_start_that_takes_too_long_is_a_fault(script: Script, start: Start) -> None:
    script.write(listen=False)
    supervised = start(start=5.0, starts=1000)
    first = supervised.wait_start(1)["pid"]
    supervised.wait_start(2)
    assert gone(first)
    script.write()
    supervised.wait_ready()
    assert supervised.metric('ocr_model_server_faults_total{fault="never_ready"}') >= 1.0


def test_lets_requests_end_before_it_ends(script: Script, start: Start) -> None:
    script.write(running=2)
    supervised = start(drain=300.0)
    supervised.wait_ready()
    server = supervised.wait_start(1)["pid"]
    supervised.process.send_signal(signal.SIGTERM)
    until(lambda: supervised.state() == "draining", "draining")
    assert supervised.get("/health/live").status_code == 200
    assert not gone(server)
    assert not script.asked()
    script.write(running=0)
    assert supervised.process.wait(PATIENCE) == 0
    assert script.asked()
    assert gone(server)


def test_does_not_wait_for_requests_for_ever(script: Script, start: Start) -> None:
    script.write(running=2)
    supervised = start(drain=0.5)
    supervised.wait_ready()
    assert supervised.end() == 0
    assert any("cut off" in event["event"] for event in supervised.events())


def test_a_second_signal_does_not_wait_for_requests(script: Script, start: Start) -> None:
    script.write(running=2)
    supervised = start(drain=300.0)
    supervised.wait_ready()
    supervised.process.send_signal(signal.SIGTERM)
    until(lambda: supervised.state() == "draining", "draining")
    assert supervised.end() == 0


def test_a_server_that_does_not_want_to_end_is_killed(script: Script, start: Start) -> None:
    script.write(stubborn=True, helper="apart")
    supervised = start(grace=0.5)
    supervised.wait_ready()
    first = supervised.wait_start(1)
    assert supervised.end() == 0
    assert gone(first["pid"])
    assert gone(first["helper"])


def test_told_to_stop_while_the_model_loads(script: Script, start: Start) -> None:
    script.write(listen=False)
    supervised = start(drain=300.0)
    first = supervised.wait_start(1)["pid"]
    until(lambda: supervised.state() == "starting", "starting")
    assert supervised.end() == 0
    assert gone(first)


@pytest.mark.parametrize("helper", ["near", "apart"])
def test_nothing_outlives_a_killed_supervisor(script: Script, start: Start, helper: str) -> None:
    script.write(helper=helper, stubborn=True)
    supervised = start()
    supervised.wait_ready()
    first = supervised.wait_start(1)
    warden = psutil.Process(first["pid"]).ppid()
    supervised.process.kill()
    supervised.process.wait()
    for pid in (first["pid"], first["helper"], warden):
        until(lambda pid=pid: gone(pid), "the server to be gone with its supervisor")  # type: ignore[misc]


def test_a_killed_warden_takes_the_server_with_it(script: Script, start: Start) -> None:
    script.write(helper="near")
    supervised = start()
    supervised.wait_ready()
    first = supervised.wait_start(1)
    os.kill(psutil.Process(first["pid"]).ppid(), signal.SIGKILL)
    supervised.wait_start(2)
    until(lambda: gone(first["pid"]) and gone(first["helper"]), "the first server to be gone")
    supervised.wait_ready()


def test_does_not_take_another_server_for_its_own(script: Script, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        supervised = start(port=other.getsockname()[1])
        assert supervised.process.wait(PATIENCE) == 1
    assert script.starts() == []
    assert "configuration" in supervised.log.read_text()


def test_nothing_the_server_prints_comes_into_the_log(script: Script, start: Start) -> None:
    header = "(APIServer pid=7) ERROR 11-23 04:55:12 [serving.py:929]"
    said = [
        f"(EngineCore pid=8) INFO 11-23 04:55:12 [default_loader.py:502] Loading weights took 12.50 seconds {CANARY}",
        f"{header} Error in chat completion stream generator. {CANARY}",
        "Traceback (most recent call last):",
        f'  File "serving.py", line 929, in generate\n    raise ValueError("{CANARY}")',
        f"ValueError: {CANARY}",
        f"Prompt: {CANARY}",
        CANARY + "x" * 100_000,
    ]
    script.write(say=said, say_asked=[f"asked: {CANARY}", f"ValueError: {CANARY}"])
    supervised = start()
    supervised.wait_ready()
    until(lambda: supervised.metric("ocr_model_server_withheld_lines_total") > 5, "lines withheld")
    assert supervised.end() == 0
    log = supervised.log.read_text()
    assert CANARY not in log
    assert "Metformin" not in log
    told = {event["says"] for event in supervised.events() if "says" in event}
    assert told >= {"the weights took 12.50 s", "there is an error at serving.py:929", "it raised ValueError"}
