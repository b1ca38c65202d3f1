"""A private PostgreSQL for one machine, shared by every process that names the same data directory.

Nobody has to start or stop it. The first process that asks starts the server, later ones join it, and the last one
that leaves stops it. A process that is killed leaves the server running; the next one takes it over. Three files say
who is there, by locks that the kernel frees however a process ends:

    turn.lock     held alone by a process that starts, joins or leaves
    holders.lock  held together by all processes that use the server
    server.lock   inherited by every process of the server, so free means that none is left

The server listens on a Unix socket alone. Its password lies in the data directory, readable by its owner.
"""

from __future__ import annotations

import errno
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import URL

from ocr_pipeline.adapters.postgres import file_locks
from ocr_pipeline.adapters.postgres.cluster import PORT, SUPERUSER, Binaries, Cluster
from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.adapters.postgres.server_user import owner_of_server, server_user
from ocr_pipeline.domain.errors import ConfigurationError, DatabaseUnavailable, StoreFull

DATABASE = "ocr_pipeline"
"""The name of the database and of the ordinary role that owns it."""

_POLL = 0.05
_OWN_FILES = frozenset(
    {"turn.lock", "holders.lock", "server.lock", "password", "password.new", "startup.log", "cluster", "cluster.new"}
)


class EmbeddedPostgres:
    """One process's hold on the server of `data_dir`. Times are in seconds; `fsync=False` is for tests alone.

    Used by one thread; what connects to `url` may be shared.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        max_connections: int = 40,
        start_timeout: float = 60.0,
        stop_timeout: float = 30.0,
        fsync: bool = True,
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._max_connections = max_connections
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._fsync = fsync
        self._hold: int | None = None
        self._cluster: Cluster | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> URL:
        """The pipeline's database, as the role that owns it. `str()` of it hides the password."""
        return self._address(DATABASE, DATABASE)

    @property
    def admin_url(self) -> URL:
        """The same server as its superuser, for backups and tests."""
        return self._address(SUPERUSER, SUPERUSER)

    def start(self) -> None:
        """Join the running server or start it; again after it died. Returns when it takes statements.

        Raises ConfigurationError, StoreFull or DatabaseUnavailable with what to do about it.
        """
        with _disk_errors(self._data_dir):
            self._prepare_folder()
            with file_locks.exclusive(self._data_dir / "turn.lock", self._start_timeout):
                cluster = self._cluster = self._open_cluster()
                if self._hold is None:
                    self._hold = file_locks.hold_shared(self._data_dir / "holders.lock")
                try:
                    self._bring_up(cluster)
                    self._ensure_database()
                except BaseException:
                    self._let_go(cluster)
                    raise

    def close(self) -> None:
        """Leave; the last one to leave stops the server. One that will not stop is left to the next start."""
        if self._hold is None or self._cluster is None:
            return
        with file_locks.exclusive(self._data_dir / "turn.lock", self._start_timeout):
            self._let_go(self._cluster)

    def _prepare_folder(self) -> None:
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        foreign = {entry.name for entry in self._data_dir.iterdir()} - _OWN_FILES
        if foreign and not (self._data_dir / "cluster").exists():
            raise ConfigurationError(f"{self._data_dir} holds other files: give the database a directory of its own")
        uid, gid = owner_of_server(self._data_dir)
        if uid != self._data_dir.stat().st_uid:
            os.chown(self._data_dir, uid, gid)
        self._data_dir.chmod(0o700)

    def _open_cluster(self) -> Cluster:
        binaries = Binaries.installed()
        user = server_user(self._data_dir, binaries.folder / "postgres")
        cluster = Cluster(self._data_dir, user, binaries, fsync=self._fsync, max_connections=self._max_connections)
        self._ensure_password()
        return cluster

    def _bring_up(self, cluster: Cluster) -> None:
        """Start the server as soon as no process of an earlier one is left, and wait until one answers."""
        deadline = time.monotonic() + self._start_timeout
        launched = False
        while not self._answers():
            server_lock = file_locks.try_exclusive(self._data_dir / "server.lock")
            if server_lock is not None:
                try:
                    if launched:
                        raise cluster.why_stopped()
                    cluster.create_if_missing(self._password_file, server_lock)
                    cluster.launch(server_lock)
                finally:
                    os.close(server_lock)
                launched = True
                deadline = time.monotonic() + self._start_timeout
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"the embedded database did not answer within {self._start_timeout:.0f} s: it may be recovering "
                    f"from a crash (see {self._data_dir}/cluster/log); start again"
                )
            time.sleep(_POLL)

    def _let_go(self, cluster: Cluster) -> None:
        if self._hold is not None:
            file_locks.release(self._hold)
            self._hold = None
        if not file_locks.is_free(self._data_dir / "holders.lock"):
            return
        socket_dir = cluster.socket_dir
        server_lock = self._data_dir / "server.lock"
        for request in (signal.SIGINT, signal.SIGQUIT):
            stopping = cluster.signal(request)
            if not stopping or _wait(lambda: file_locks.is_free(server_lock), self._stop_timeout):
                break
        if file_locks.is_free(server_lock):
            cluster.remove_socket_dir(socket_dir)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ConfigurationError(
                    f"the file {self._password_file} does not hold the password of the database: restore it"
                ) from None
            return False
        return True

    def _ensure_database(self) -> None:
        role = sql.Identifier(DATABASE)
        with translated(), self._connect() as connection:
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [DATABASE]).fetchone() is None:
                verifier = connection.pgconn.encrypt_password(
                    self._password().encode(), DATABASE.encode(), b"scram-sha-256"
                )
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(verifier.decode()))
                )
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        address = self.admin_url
        return psycopg.connect(
            host=str(address.query["host"]),
            port=PORT,
            user=address.username,
            password=self._password(),
            dbname=address.database,
            connect_timeout=5,
            autocommit=True,
        )

    def _address(self, role: str, database: str) -> URL:
        if self._cluster is None:
            raise RuntimeError("start the embedded database first")
        return URL.create(
            "postgresql+psycopg",
            username=role,
            password=self._password(),
            database=database,
            query={"host": str(self._cluster.socket_dir or self._data_dir), "port": str(PORT)},
        )

    @property
    def _password_file(self) -> Path:
        return self._data_dir / "password"

    def _ensure_password(self) -> None:
        if self._password_file.exists():
            return
        if (self._data_dir / "cluster").exists():
            raise ConfigurationError(f"the password file {self._password_file} is missing: restore it")
        unfinished = self._data_dir / "password.new"
        descriptor = file_locks.open_private(unfinished, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._password_file)

    def _password(self) -> str:
        descriptor = os.open(self._password_file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor) as file:
            return file.read()


@contextmanager
def _disk_errors(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"the disk of {data_dir} is full; make room and start again") from error
        raise ConfigurationError(
            f"the database directory {data_dir} cannot be used ({error.strerror}): make it writable or choose another"
        ) from error


def _wait(condition: Callable[[], bool], timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
