"""Object stores and key files on disks that are full, under processes that are killed, and without their server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from textwrap import dedent

import pytest

from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.objects.local import LocalObjectStore
from ocr_pipeline.adapters.objects.s3 import S3ObjectStore
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.domain.errors import ConfigurationError, StoreFull, StoreUnavailable
from tests.waiting import until
from tools.private_seaweed import SeaweedServer

DEADLINE = 180.0


def left_behind(root: Path) -> list[Path]:
    return list((root / ".incoming").iterdir())


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tiny disk takes root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill_up(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))


def test_a_full_disk_keeps_what_it_has_and_takes_more_once_there_is_room(tiny_disk: Path) -> None:
    store = LocalObjectStore(tiny_disk / "objects")
    store.prepare()
    data = os.urandom(300_000)
    for number in range(3):
        store.put(f"documents/{number}/original", data)
    for key, if_absent in (
        ("documents/3/original", False),
        ("documents/3/original", True),
        ("documents/0/original", False),
    ):
        with pytest.raises(StoreFull):
            store.put(key, os.urandom(300_000), if_absent=if_absent)
        assert left_behind(tiny_disk / "objects") == []
    assert list(store.keys()) == [f"documents/{number}/original" for number in range(3)]
    assert all(store.get(key) == data for key in store.keys())
    store.check()
    store.delete("documents/1/original")
    store.put("documents/3/original", data, if_absent=True)
    assert store.get("documents/3/original") == data


def test_a_disk_without_a_single_block_left_fails_its_check(tiny_disk: Path) -> None:
    store = LocalObjectStore(tiny_disk / "objects")
    store.prepare()
    fill_up(tiny_disk)
    with pytest.raises(StoreFull):
        store.check()
    (tiny_disk / "filler").unlink()
    store.check()


def test_a_rotation_on_a_full_disk_leaves_the_key_file_as_it_was(tiny_disk: Path) -> None:
    path = tiny_disk / "keys.json"
    provider = LocalFileKeyProvider.create(path)
    before = path.read_bytes()
    fill_up(tiny_disk)
    with pytest.raises(ConfigurationError, match="No space left"):
        provider.rotate()
    provider.check()
    assert path.read_bytes() == before
    assert {each.name for each in tiny_disk.iterdir()} == {"keys.json", "filler"}


def run_child(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", dedent(script), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_process_under_a_file_size_limit_finds_the_store_full(tmp_path: Path) -> None:
    child = run_child(
        """
        import resource, sys
        from pathlib import Path
        from ocr_pipeline.adapters.objects.local import LocalObjectStore
        from ocr_pipeline.domain.errors import StoreFull
        store = LocalObjectStore(Path(sys.argv[1]))
        store.prepare()
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            store.put("a", bytes(200_000))
        except StoreFull:
            store.put("b", bytes(50_000))
            print("full")
        """,
        str(tmp_path / "objects"),
    )
    output, _ = child.communicate(timeout=DEADLINE)
    assert output == "full\n"
    assert left_behind(tmp_path / "objects") == []
    assert list(LocalObjectStore(tmp_path / "objects").keys()) == ["b"]


def test_a_killed_writer_leaves_whole_objects_and_its_rest_is_cleared_away(tmp_path: Path) -> None:
    store = LocalObjectStore(tmp_path / "objects")
    store.prepare()
    for _ in range(3):
        child = run_child(
            """
            import itertools, sys
            from pathlib import Path
            from ocr_pipeline.adapters.objects.local import LocalObjectStore
            store = LocalObjectStore(Path(sys.argv[1]))
            for number in itertools.count(1):
                store.put("documents/one/original", bytes([number % 251]) * 2_000_000)
                print(number, flush=True)
            """,
            str(tmp_path / "objects"),
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "1\n"
        # In the middle of a later write: its temporary file is there.
        until(lambda: left_behind(tmp_path / "objects"), "an object being written", DEADLINE, every=0.01)
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=DEADLINE)
        kept = store.get("documents/one/original")
        assert len(kept) == 2_000_000
        assert len(set(kept)) == 1
    store.prepare()  # too young to be anyone's rest but a running writer's
    store.remove_stale(older_than=0)
    assert left_behind(tmp_path / "objects") == []
    assert list(store.keys()) == ["documents/one/original"]


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_killed_s3_server_is_unavailable_and_works_again_after_a_start(tmp_path: Path) -> None:
    server = SeaweedServer(tmp_path / "server")
    try:
        server.start()
        with closing(S3ObjectStore(server.endpoint.client(), "faults", part_size=5 << 20)) as store:
            store.prepare(create_bucket=True)
            confirmed = write_until_killed(server, store)
            assert_unavailable(store)
            server.start()
            assert all(store.get(key) == data for key, data in confirmed.items())
            assert len(set(store.keys("documents/")) - set(confirmed)) <= 1, "at most the put whose answer never came"
            store.check()
    finally:
        server.kill()


def write_until_killed(server: SeaweedServer, store: S3ObjectStore) -> dict[str, bytes]:
    """What the store confirmed before its server was killed in the middle of the writing."""
    confirmed: dict[str, bytes] = {}
    stopped_by: list[Exception] = []

    def write() -> None:
        try:
            while True:
                key, data = f"documents/{len(confirmed):05d}/original", os.urandom(100_000)
                store.put(key, data, if_absent=True)
                confirmed[key] = data
        except StoreUnavailable as error:
            stopped_by.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        until(lambda: len(confirmed) >= 20 or not writer.is_alive(), "some objects", DEADLINE, every=0.01)
    finally:
        server.kill()
        writer.join(DEADLINE)
    assert len(stopped_by) == 1
    return confirmed


def assert_unavailable(store: S3ObjectStore) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.put("a", b"x"),
        lambda: store.put("a", bytes(6 << 20)),
        lambda: store.get("a"),
        lambda: store.exists("a"),
        lambda: store.delete("a"),
        lambda: list(store.keys()),
        store.check,
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()


@pytest.fixture
def half_a_server() -> Iterator[Callable[[bytes], S3ObjectStore]]:
    """A server that answers every request with the same bytes and hangs up, or, given none, never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    silent: list[socket.socket] = []

    def serve(answer: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if answer:
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)
            else:
                silent.append(connection)

    threads: list[threading.Thread] = []

    def start(answer: bytes) -> S3ObjectStore:
        threads.append(threading.Thread(target=serve, args=(answer,)))
        threads[-1].start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        endpoint = S3Endpoint(url, "us-east-1", "key", "secret", path_style=True, read_timeout=0.5, attempts=1)
        return S3ObjectStore(endpoint.client(), "faults")

    yield start
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(DEADLINE)
    for connection in silent:
        connection.close()


def test_a_server_that_never_answers_is_given_up(half_a_server: Callable[[bytes], S3ObjectStore]) -> None:
    with closing(half_a_server(b"")) as store:
        for call in (lambda: store.get("a"), lambda: store.put("a", b"x"), lambda: store.exists("a")):
            with pytest.raises(StoreUnavailable, match="ReadTimeout"):
                call()


@pytest.mark.parametrize("sent", [b"", b"half of it"])
def test_an_answer_that_breaks_off_is_no_object(half_a_server: Callable[[bytes], S3ObjectStore], sent: bytes) -> None:
    store = half_a_server(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + sent)
    with closing(store), pytest.raises(StoreUnavailable):
        store.get("a")
