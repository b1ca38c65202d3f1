"""The private server: shared by processes, stopped by the last, taken over after a crash, closed to everyone else."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from ocr_pipeline.adapters.postgres import file_locks
from ocr_pipeline.adapters.postgres.embedded import DATABASE, EmbeddedPostgres
from ocr_pipeline.domain.errors import ConfigurationError, DatabaseUnavailable
from tests.waiting import PATIENCE

SECRET = "Hong-Gildong-880101"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a stopped server."""
    data_dir = tmp_path_factory.mktemp("embedded") / "db"
    with EmbeddedPostgres(data_dir, fsync=False):
        pass
    return data_dir


@pytest.fixture
def data_dir(made_once: Path) -> Iterator[Path]:
    """The same, and the proof that the test left no server behind."""
    yield made_once
    assert is_stopped(made_once)


def embedded(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, fsync=False)


def connect(server: EmbeddedPostgres, *, admin: bool = False) -> psycopg.Connection[tuple[object, ...]]:
    url = (server.admin_url if admin else server.url).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def is_stopped(data_dir: Path) -> bool:
    return file_locks.is_free(data_dir / "server.lock")


def test_what_was_written_is_there_after_a_restart(data_dir: Path) -> None:
    with embedded(data_dir) as server, connect(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1")
    assert is_stopped(data_dir)
    with embedded(data_dir) as server, connect(server) as connection:
        assert connection.execute("DROP TABLE kept").statusmessage == "DROP TABLE"


def test_the_last_to_leave_stops_it(data_dir: Path) -> None:
    first, second = embedded(data_dir), embedded(data_dir)
    first.start()
    process = postmaster(data_dir)
    second.start()
    first.close()
    with connect(second) as connection:
        connection.execute("SELECT 1")
    assert postmaster(data_dir) == process
    second.close()
    assert is_stopped(data_dir)
    second.close()


def test_starting_together_makes_one_server(tmp_path: Path) -> None:
    servers = [embedded(tmp_path / "db") for _ in range(3)]
    together = threading.Barrier(len(servers))

    def start(server: EmbeddedPostgres) -> int:
        together.wait(PATIENCE)
        server.start()
        return postmaster(tmp_path / "db")

    with ThreadPoolExecutor(len(servers)) as pool:
        assert len(set(pool.map(start, servers))) == 1
    for server in servers:
        server.close()
    assert is_stopped(tmp_path / "db")


def test_a_killed_holder_leaves_a_server_to_take_over(data_dir: Path) -> None:
    program = """
        import os, sys
        from pathlib import Path
        from ocr_pipeline.adapters.postgres.embedded import EmbeddedPostgres
        server = EmbeddedPostgres(Path(sys.argv[1]), fsync=False)
        server.start()
        os.kill(os.getpid(), 9)
    """
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), data_dir], cwd=root, timeout=PATIENCE, check=False
    )
    assert done.returncode == -signal.SIGKILL
    orphan = postmaster(data_dir)
    assert not is_stopped(data_dir)
    with embedded(data_dir) as server, connect(server) as connection:
        connection.execute("SELECT 1")
        assert postmaster(data_dir) == orphan
    assert is_stopped(data_dir)


def test_a_killed_server_is_started_again_by_its_holder(data_dir: Path) -> None:
    with embedded(data_dir) as server:
        killed = postmaster(data_dir)
        os.kill(killed, signal.SIGKILL)
        server.start()
        assert postmaster(data_dir) != killed
        with connect(server) as connection:
            connection.execute("SELECT 1")


def test_a_stale_pid_file_may_name_a_living_process(data_dir: Path) -> None:
    """After a restart of a container the old number soon belongs to another process of the same user."""
    owner = data_dir.stat().st_uid if os.geteuid() == 0 else None
    with subprocess.Popen(["sleep", "300"], user=owner) as bystander:
        traces = f"{bystander.pid}\n{data_dir}/cluster\n1\n5432\n/nowhere\n\n"
        (data_dir / "cluster" / "postmaster.pid").write_text(traces)
        (data_dir / ".s.PGSQL.5432.lock").write_text(traces)
        try:
            with embedded(data_dir) as server, connect(server) as connection:
                connection.execute("SELECT 1")
            assert bystander.poll() is None
        finally:
            bystander.kill()


def test_a_creation_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "db" / "cluster.new" / "base").mkdir(parents=True)
    (tmp_path / "db" / "password.new").touch()
    with embedded(tmp_path / "db") as server, connect(server) as connection:
        connection.execute("SELECT 1")


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 20) / "with, comma"
    with embedded(data_dir) as server, connect(server) as connection:
        connection.execute("SELECT 1")
        socket_dir = Path(str(server.url.query["host"]))
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert not socket_dir.exists()


# Closed to others


def test_only_its_owner_gets_in(data_dir: Path) -> None:
    with embedded(data_dir) as server:
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "password").stat().st_mode) == 0o600
        assert str(server.url.password) not in str(server.url)
        with connect(server) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW jit").fetchone() == ("off",)
        host = str(server.url.query["host"])
        for password in (None, "guess"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(host=host, user=DATABASE, dbname=DATABASE, password=password)


def test_the_pipeline_is_no_superuser(data_dir: Path) -> None:
    with embedded(data_dir) as server, connect(server) as connection:
        for statement in ("SELECT pg_read_file('PG_VERSION')", "COPY (SELECT 1) TO PROGRAM 'true'"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_log_holds_no_data(data_dir: Path) -> None:
    with embedded(data_dir) as server, connect(server, admin=True) as connection:
        connection.execute("CREATE TABLE t (a text PRIMARY KEY, b int CHECK (b > 0))")
        connection.execute("INSERT INTO t VALUES (%s, 1)", [SECRET])
        for statement in (
            "INSERT INTO t VALUES (%s, 1)",
            "INSERT INTO t VALUES (%s, -1)",
            "SELECT %s::int",
            "SELECT %s FROM missing",
            "DO $$ BEGIN RAISE LOG 'x' USING DETAIL = 'Hong-Gildong-880101'; END $$; SELECT %s::uuid",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(statement, [SECRET], prepare=False)
        connection.execute("DROP TABLE t")
    logs = [data_dir / "startup.log", *(data_dir / "cluster" / "log").iterdir()]
    assert any("ready to accept connections" in log.read_text() for log in logs)
    assert not any(SECRET in log.read_text() for log in logs)


# Which user


def capabilities(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("CapEff:")[1].split()[0], 16)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_under_root_the_server_is_nobody(data_dir: Path) -> None:
    """This directory lies below one that only root can pass."""
    with embedded(data_dir):
        process = postmaster(data_dir)
        assert Path(f"/proc/{process}").stat().st_uid == data_dir.stat().st_uid != 0
        assert capabilities(process) == 1 << 2  # CAP_DAC_READ_SEARCH, linux/capability.h


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_where_the_server_can_pass_it_gets_no_capability() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        with embedded(data_dir) as server:
            process = postmaster(data_dir)
            assert Path(f"/proc/{process}").stat().st_uid != 0
            if capabilities(process):
                pytest.skip("the installed binaries lie where only root can pass")
            with connect(server) as connection:
                connection.execute("SELECT 1")


# Mistakes


def folder_with(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ({"password": "x", "cluster__PG_VERSION": "15\n"}, "written by PostgreSQL 15.*dump"),
        ({"password": "x", "cluster__base": ""}, "restore it from a backup"),
        ({"cluster__PG_VERSION": "18\n"}, "password file .* is missing"),
        ({"holiday.jpg": ""}, "directory of its own"),
    ],
    ids=["version", "no cluster", "no password", "foreign"],
)
def test_a_directory_that_will_not_do_is_refused(tmp_path: Path, files: dict[str, str], advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        embedded(folder_with(tmp_path / "db", **files)).start()


def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="make it writable or choose another"):
        embedded(tmp_path / "file" / "db").start()


def test_a_wrong_password_file_is_told(data_dir: Path) -> None:
    password = (data_dir / "password").read_text()
    (data_dir / "password").write_text("wrong")
    try:
        with pytest.raises(ConfigurationError, match="does not hold the password"):
            embedded(data_dir).start()
    finally:
        (data_dir / "password").write_text(password)
    assert is_stopped(data_dir)


def test_damaged_settings_are_told(data_dir: Path) -> None:
    settings = data_dir / "cluster" / "postgresql.auto.conf"
    before = settings.read_text()
    settings.write_text("shared_buffers = nonsense\nwork_mem = 1\n")
    try:
        with pytest.raises(ConfigurationError, match=r"did not start: mend postgresql\.conf"):
            embedded(data_dir).start()
    finally:
        settings.write_text(before)


def test_waiting_for_one_who_never_finishes_is_bounded(data_dir: Path) -> None:
    with file_locks.exclusive(data_dir / "turn.lock", 1), pytest.raises(DatabaseUnavailable, match="busy"):
        EmbeddedPostgres(data_dir, start_timeout=0.2).start()


def test_an_address_needs_a_server(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        _ = embedded(tmp_path / "db").url
