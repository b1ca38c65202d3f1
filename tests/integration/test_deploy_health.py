"""The probe that containers run: right about servers and workers, and quick."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.waiting import PATIENCE
from tests.worker_harness import ROOT
from tools.ports import free_port

SCRIPT = ROOT / "deploy" / "docker" / "health.sh"


def healthy(*arguments: object) -> bool:
    done = subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, check=False, timeout=PATIENCE)
    return done.returncode == 0


@contextmanager
def server(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/live" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = Thread(target=running.serve_forever)
        thread.start()
        try:
            yield running.server_port
        finally:
            running.shutdown()
            thread.join()


def test_a_server_is_healthy_when_it_says_200_at_that_place() -> None:
    with server(200) as port:
        assert healthy("http", port, "/health/live")
        assert not healthy("http", port, "/health/other")


@pytest.mark.parametrize("status", [204, 404, 500, 503])
def test_a_server_that_says_anything_else_is_not(status: int) -> None:
    with server(status) as port:
        assert not healthy("http", port, "/health/live")


def test_nobody_there_is_not_healthy() -> None:
    assert not healthy("http", free_port(), "/health/live")


@pytest.mark.parametrize(("age", "expected"), [(0, True), (400, True), (601, False), (3600, False)])
def test_a_worker_is_healthy_while_its_pulse_is_fresh(tmp_path: Path, age: int, expected: bool) -> None:
    file = tmp_path / "pulse"
    file.touch()
    then = time.time() - age
    os.utime(file, (then, then))
    assert healthy("pulse", file, 600) is expected


def test_a_worker_that_never_started_is_not_healthy(tmp_path: Path) -> None:
    assert not healthy("pulse", tmp_path / "pulse", 60)


def test_a_question_it_does_not_know_is_no_health() -> None:
    assert not healthy("anything")
