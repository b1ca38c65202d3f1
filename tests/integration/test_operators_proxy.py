"""The shipped HAProxy configuration for operators: Flower asks who comes, and what asks nobody is closed."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import front_proxy_harness as harness
from tests.waiting import PATIENCE, until
from tools.ports import free_port

SHIPPED = harness.ROOT / "deploy" / "flower" / "haproxy-flower.cfg"
KNOWN = {"Authorization": "Basic " + base64.b64encode(b"operator:right").decode()}


class Told(BaseHTTPRequestHandler):
    """Says which server was asked, and whether it saw the password."""

    def do_GET(self) -> None:
        body = f"{self.server.server_port} {self.headers.get('Authorization')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[int, int]]:
    """What stands for Flower, and for the gateway."""
    started = [ThreadingHTTPServer(("127.0.0.1", 0), Told) for _ in range(2)]
    for server in started:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    flower, gateway = (server.server_port for server in started)
    yield flower, gateway
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, servers: tuple[int, int]) -> Iterator[HTTPSConnection]:
    """The door of operators, in a proxy that has both files."""
    folder, port = tmp_path_factory.mktemp("operators"), free_port()
    flower, gateway = servers
    trust = ssl.create_default_context(cafile=str(harness._certificates(folder)))
    command, environment = harness._haproxy(folder, free_port(), [gateway], {})
    replaced = {
        "bind :8444": f"bind 127.0.0.1:{port}",
        "password $6$changeme$changeme": "insecure-password right",
        "/etc/ocr-pipeline/tls/proxy.pem": f"{folder}/proxy.pem",
        "flower:5555": f"127.0.0.1:{flower}",
        "gateway:8080": f"127.0.0.1:{gateway}",
    }
    configuration = Path(folder) / "operators.cfg"
    configuration.write_text(harness._with(SHIPPED, replaced))
    log = (folder / "haproxy.log").open("wb")
    process = subprocess.Popen(
        [*command, "-f", str(configuration)], env=os.environ | environment, stdout=log, stderr=log
    )
    connection = HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=trust)

    def answers() -> bool:
        assert process.poll() is None, (folder / "haproxy.log").read_text()[-3000:]
        with suppress(OSError):
            return ask(connection, "/flower/")[0] == 401
        return False

    try:
        until(answers, "haproxy does not start")
        yield connection
    finally:
        process.kill()
        process.wait(PATIENCE)
        log.close()


def ask(
    door: HTTPSConnection, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, str]:
    door.close()
    door.request(method, path, headers=headers or {})
    answer = door.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.parametrize("path", ["/flower/", "/flower/tasks", "/flower/static/js/flower.js", "/flower/task/x"])
def test_flower_asks_who_comes_and_is_not_told_the_password(
    door: HTTPSConnection, servers: tuple[int, int], path: str
) -> None:
    assert ask(door, path)[0] == 401
    wrong = {"Authorization": "Basic " + base64.b64encode(b"operator:wrong").decode()}
    assert ask(door, path, wrong)[0] == 401
    assert ask(door, path, KNOWN) == (200, f"{servers[0]} None")


@pytest.mark.parametrize(
    "path",
    [
        "/flower/metrics",
        "/flower/healthcheck",
        "/flower/%6Detrics",
        "/flower//metrics",
        "/flower/tasks/../metrics",
        "/flower/api/workers",
        "/flower/api/task/revoke/x",
        "/flower/api/worker/shutdown/x",
        "/metrics",
        "/health/ready",
        "/v1/documents",
        "/operations/other",
        "/",
    ],
)
def test_what_is_not_listed_is_closed(door: HTTPSConnection, path: str) -> None:
    assert ask(door, path, KNOWN) == (404, "not found")


def test_flower_is_looked_at_and_not_told_to_do_things(door: HTTPSConnection) -> None:
    assert ask(door, "/flower/tasks", KNOWN, "POST")[0] == 404
    assert ask(door, "/flower/tasks/datatable", KNOWN, "POST")[0] == 200


@pytest.mark.parametrize("path", ["/operations", "/operations.json", "/operations/enter?token=x"])
def test_the_status_page_has_a_door_of_its_own(door: HTTPSConnection, servers: tuple[int, int], path: str) -> None:
    assert ask(door, path) == (200, f"{servers[1]} None")
