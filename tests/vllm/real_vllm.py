"""A real model server for tests: `ocr-pipeline engine serve` over vLLM's CPU build and the tiny reader."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from tests.waiting import until
from tests.worker_harness import ROOT

ENVIRONMENT = ROOT / ".runtime/vllm"
MODEL = ROOT / "tests/tiny_reader/model"
NAME = "tiny-reader"
PROFILE = "tests.tiny_reader.profile:profile"
START_SECONDS = 420.0
CONTEXT = 512
AT_ONCE = 2

_ON_CPU = (
    *("--dtype", "float32", "--enforce-eager", "--max-num-batched-tokens", "2048"),
    *("--structured-outputs-config", '{"disable_any_whitespace":true,"backend":"xgrammar"}'),
)


def installed() -> bool:
    """Whether `tools/vllm_setup.sh` has run."""
    return any(ENVIRONMENT.glob(".installed-*"))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RealVllm:
    """One supervised server on a port of its own, which it keeps over a restart."""

    def __init__(self, folder: Path) -> None:
        self.port, self.health_port = free_port(), free_port()
        self._log = folder / f"vllm-{self.port}.log"
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        python = ENVIRONMENT / "bin/python"
        command = [
            str(Path(sys.executable).with_name("ocr-pipeline")),
            *("engine", "serve", "--model-name", NAME, "--weights", str(MODEL), "--host", "127.0.0.1"),
            *("--port", str(self.port), "--health-host", "127.0.0.1", "--health-port", str(self.health_port)),
            *("--program", f"{python} -m vllm.entrypoints.openai.api_server --model"),
            *("--max-model-len", str(CONTEXT), "--max-concurrent-requests", str(AT_ONCE)),
            *("--probe-interval", "4", "--probe-timeout", "5", "--drain-seconds", "10"),
            "--",
            *_ON_CPU,
        ]
        with self._log.open("ab") as output:
            self._supervisor = subprocess.Popen(
                command, cwd=ROOT, env=_environment(), stdout=output, stderr=output, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        until(lambda: self._lives() and self.probe("ready") == 200, "a model server that reads", START_SECONDS)

    def probe(self, name: str) -> int:
        """The status that a probe of the supervisor's health port has, 0 where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/health/{name}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def processes(self) -> list[psutil.Process]:
        """What the supervisor started, and what that started."""
        assert self._supervisor is not None
        return psutil.Process(self._supervisor.pid).children(recursive=True)

    def kill_model(self) -> None:
        """As when the driver fails: every process of the model server at once, the supervisor stays."""
        for process in self._model_processes():
            process.kill()

    def hang_model(self) -> None:
        for process in self._model_processes():
            process.suspend()

    def wake_model(self) -> None:
        for process in self._model_processes():
            process.resume()

    def terminate(self) -> int:
        """Ask the supervisor to stop, and wait for it."""
        assert self._supervisor is not None
        self._supervisor.send_signal(signal.SIGTERM)
        return self._supervisor.wait(60)

    def end(self) -> None:
        if self._supervisor is None or self._supervisor.poll() is not None:
            return
        left = self.processes()
        os.killpg(self._supervisor.pid, signal.SIGKILL)
        self._supervisor.wait(60)
        for process in left:
            if process.is_running():
                process.kill()

    def _lives(self) -> bool:
        assert self._supervisor is not None
        assert self._supervisor.poll() is None, f"the supervisor has ended:\n{self.log[-3000:]}"
        return True

    def _model_processes(self) -> list[psutil.Process]:
        return [process for process in self.processes() if "ocr_pipeline" not in " ".join(process.cmdline())]


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OCR_PIPELINE_VLLM__PROFILE": PROFILE,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
    }
