"""A private RabbitMQ from Debian's package: any user, own node name, free loopback ports, nothing left behind.

The programs under /usr/lib/rabbitmq/bin are called as they are: the wrappers in /usr/sbin insist on their own user and
directories. The port mapper (epmd) is the instance's own too, or the machine's would outlive it.

OCR_TEST_RABBITMQ_ROOT names the root of another Debian system, as debootstrap makes one, whose RabbitMQ is to be used
instead of this machine's. Its programs see that system's /usr and all else of this machine, which takes root's rights.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.ports import free_ports

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
MAPPER = Path("/usr/bin/epmd")
ROOT_VARIABLE = "OCR_TEST_RABBITMQ_ROOT"
PACKAGE_HINT = "RabbitMQ is not installed: run tools/setup.sh (Debian package rabbitmq-server)"
START_SECONDS = 180.0
STOP_SECONDS = 60.0
ANSWER_SECONDS = 30.0

_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_PORT_TAKEN = ("port_already_used", "eaddrinuse")
_IN_OTHER_SYSTEM = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0/usr" /usr && exec "$@"')


class ServiceError(Exception):
    """A service did not start, or is not there to be started."""


class PortTakenError(ServiceError):
    """A port that was free a moment ago is not any more."""


@dataclass(frozen=True, slots=True)
class Node:
    """What stays the same over restarts of one instance."""

    amqp: int
    distribution: int
    mapper: int
    management: int
    user: str
    password: str
    cookie: str


def available() -> bool:
    """Whether the broker's programs are on this machine, or in the other system that is named."""
    root = Path(os.environ.get(ROOT_VARIABLE, "/"))
    return all((root / program.relative_to("/")).exists() for program in (PROGRAMS / "rabbitmq-server", MAPPER))


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class PrivateRabbitMq:
    """One instance in a directory of its own, which `start` makes and `remove` deletes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._state = self.directory / "node.json"
        self._pids = self.directory / "pids.json"

    @property
    def url(self) -> str:
        """The AMQP URL. Only once it was started."""
        node = self._node()
        return f"amqp://{node.user}:{node.password}@127.0.0.1:{node.amqp}//"

    @property
    def management_url(self) -> str:
        """The HTTP API, as Flower wants it. Only once it was started."""
        node = self._node()
        return f"http://{node.user}:{node.password}@127.0.0.1:{node.management}/api/"

    def running(self) -> bool:
        """Whether the server process lives and answers."""
        return self._state.exists() and any(alive(pid) for pid in self._known_pids()) and self._answers()

    def start(self) -> None:
        """Start, or start again with everything kept, and wait until it answers. Raises ServiceError."""
        if not available():
            raise ServiceError(PACKAGE_HINT)
        new = not self._state.exists()
        for trials_left in (2, 1, 0):
            try:
                self._start()
            except PortTakenError:
                # Between finding a free port and using it another program may have taken it.
                if not (new and trials_left):
                    raise
                self._state.unlink()
            else:
                return

    def _start(self) -> None:
        node = self._node() if self._state.exists() else self._prepare()
        environment = self._environment(node)
        mapper = _command(str(MAPPER), "-port", str(node.mapper), "-address", "127.0.0.1")
        processes = [
            self._spawn(mapper, environment, "epmd.log"),
            self._spawn(_command(str(PROGRAMS / "rabbitmq-server")), environment, "boot.log"),
        ]
        self._pids.write_text(json.dumps([process.pid for process in processes]), encoding="ascii")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if processes[1].poll() is not None or time.monotonic() > deadline:
                boot = (self.directory / "log" / "boot.log").read_text(encoding="utf-8", errors="replace")
                self.kill()
                kind = PortTakenError if any(sign in boot for sign in _PORT_TAKEN) else ServiceError
                raise kind(f"RabbitMQ did not start:\n{boot[-1500:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop cleanly, as a planned restart does; everything is kept."""
        server = self._known_pids()[-1:]
        for pid in server:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            _wait_for_end(pid)
        self.kill()

    def kill(self) -> None:
        """End every process at once, as a power cut does; what was confirmed is kept."""
        for pid in reversed(self._known_pids()):
            _end(pid)

    def restart(self) -> None:
        """Stop cleanly and start again on the same port."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """End everything and delete the directory."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl against the instance and return what it printed."""
        command = _command(str(PROGRAMS / "rabbitmqctl"), *arguments)
        done = subprocess.run(
            command, env=self._environment(self._node()), check=True, capture_output=True, text=True, cwd=self.directory
        )
        return done.stdout

    def _prepare(self) -> Node:
        for name in ("home", "data", "log", "schema"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        amqp, distribution, mapper, management = free_ports(4)
        node = Node(amqp, distribution, mapper, management, "ocr", secrets.token_hex(16), secrets.token_hex(16))
        (self.directory / "enabled_plugins").write_text("[rabbitmq_management].\n", encoding="ascii")
        (self.directory / "rabbitmq.conf").write_text(_configuration(node), encoding="ascii")
        cookie = self.directory / "home" / ".erlang.cookie"
        cookie.write_text(node.cookie, encoding="ascii")
        cookie.chmod(0o600)
        self._state.touch(mode=0o600)
        self._state.write_text(json.dumps(asdict(node)), encoding="ascii")
        return node

    def _node(self) -> Node:
        return Node(**json.loads(self._state.read_text(encoding="ascii")))

    def _known_pids(self) -> list[int]:
        try:
            pids: list[int] = json.loads(self._pids.read_text(encoding="ascii"))
        except FileNotFoundError:
            return []
        return [pid for pid in pids if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        """Whether a remembered process is the one that was started here, not a later one with its number."""
        try:
            return os.fsencode(self.directory) in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False

    def _environment(self, node: Node) -> dict[str, str]:
        home = self.directory
        own = {
            "HOME": str(home / "home"),
            "RABBITMQ_NODENAME": f"ocr{node.amqp}@localhost",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_MNESIA_DIR": str(home / "data" / "node"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "rabbitmq.pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "schema"),
            "RABBITMQ_SCHEMA_DIR": str(home / "schema"),
            "RABBITMQ_DIST_PORT": str(node.distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CTL_ERL_ARGS": "-start_epmd false",
            "RABBITMQ_IGNORE_SIGINT": "true",
            "ERL_EPMD_PORT": str(node.mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "LC_ALL": "C.UTF-8",
        }
        return {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQ")} | own

    def _spawn(self, command: list[str], environment: Mapping[str, str], log: str) -> subprocess.Popen[bytes]:
        with (self.directory / "log" / log).open("ab") as output:
            return subprocess.Popen(
                command,
                env=environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._node().amqp), ANSWER_SECONDS) as connection:
                connection.sendall(_PROTOCOL_HEADER)
                # A method frame (type 1) is the server's greeting; a refusal would repeat the protocol header.
                return connection.recv(1) == b"\x01"
        except OSError:
            return False


def _command(*command: str) -> list[str]:
    """A program of the broker, where it is to be run from."""
    root = os.environ.get(ROOT_VARIABLE)
    return [*_IN_OTHER_SYSTEM, root, *command] if root else list(command)


def _end(pid: int) -> None:
    """Kill a process with its session and wait until it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _wait_for_end(pid)


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while alive(pid) and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.02)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _configuration(node: Node) -> str:
    return "\n".join(
        (
            f"listeners.tcp.1 = 127.0.0.1:{node.amqp}",
            "management.tcp.ip = 127.0.0.1",
            f"management.tcp.port = {node.management}",
            f"default_user = {node.user}",
            f"default_pass = {node.password}",
            "vm_memory_high_watermark.absolute = 512MB",
            "disk_free_limit.absolute = 50MB",
            "log.console = false",
            "log.file.level = info",
            "",
        )
    )
