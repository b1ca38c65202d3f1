"""What the local directory store promises beyond the port: modes, clean failures, nothing of others touched."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from ocr_pipeline.adapters.objects import local
from ocr_pipeline.adapters.objects.local import LocalObjectStore
from ocr_pipeline.domain.errors import ObjectExists, PipelineError, StoreFull, StoreUnavailable
from tests.waiting import PATIENCE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> LocalObjectStore:
    store = LocalObjectStore(root)
    store.prepare()
    return store


def files_in(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_only_the_owner_can_read(store: LocalObjectStore, root: Path) -> None:
    before = os.umask(0)
    try:
        store.put("documents/one/original", b"x")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")] if path.is_dir()}
    assert modes == {0o700}
    assert stat.S_IMODE((root / "documents/one/original").stat().st_mode) == 0o600


def test_a_file_holds_the_bytes_and_nothing_else(store: LocalObjectStore, root: Path) -> None:
    store.put("documents/one/original", b"sealed")
    assert (root / "documents/one/original").read_bytes() == b"sealed"
    assert files_in(root) == ["documents/one/original"]


def test_the_last_object_takes_its_folders_along(store: LocalObjectStore, root: Path) -> None:
    store.put("documents/one/pages/0001", b"x")
    store.put("documents/two/original", b"x")
    store.delete("documents/one/pages/0001")
    assert sorted(path.name for path in (root / "documents").iterdir()) == ["two"]


def test_a_losing_conditional_put_leaves_nothing(store: LocalObjectStore, root: Path) -> None:
    store.put("a", b"first")
    with pytest.raises(ObjectExists):
        store.put("a", b"second", if_absent=True)
    assert files_in(root) == ["a"]


def test_conditional_writers_who_are_ready_at_the_same_moment(store: LocalObjectStore) -> None:
    writers, ready = 12, threading.Barrier(12)

    def won(number: int, key: str) -> bool:
        with store.writing(key) as writer:
            writer.write(bytes([number]))
            ready.wait(PATIENCE)
            try:
                writer.commit(if_absent=True)
            except ObjectExists:
                return False
            return True

    with ThreadPoolExecutor(writers) as pool:
        for race in range(20):
            key = f"race/{race}"
            winners = [
                number for number, success in enumerate(pool.map(won, range(writers), [key] * writers)) if success
            ]
            assert len(winners) == 1
            assert store.get(key) == bytes(winners)


def test_an_object_in_pieces_lies_among_the_unfinished_until_it_is_committed(
    store: LocalObjectStore, root: Path
) -> None:
    with store.writing("documents/one/original") as writer:
        writer.write(b"half")
        (unfinished,) = (root / ".incoming").iterdir()
        assert stat.S_IMODE(unfinished.stat().st_mode) == 0o600
        assert files_in(root) == [f".incoming/{unfinished.name}"]
        writer.write(b" and half")
        writer.commit(if_absent=True)
    assert files_in(root) == ["documents/one/original"]


@pytest.mark.parametrize("ending", ["given up", "broken off", "committed"])
def test_however_a_block_is_left_no_stray_file_is(store: LocalObjectStore, root: Path, ending: str) -> None:
    store.put("a", b"first")
    with suppress(InterruptedError), store.writing("a") as writer:
        writer.write(b"second")
        if ending == "broken off":
            raise InterruptedError
        if ending == "committed":
            writer.commit()
    assert files_in(root) == ["a"]


@pytest.mark.parametrize(("number", "expected"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreUnavailable)])
def test_a_piece_that_the_disk_does_not_take_leaves_nothing(
    store: LocalObjectStore, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[PipelineError]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), "a-path-that-no-message-holds")

    with store.writing("a") as writer:
        writer.write(b"taken")
        monkeypatch.setattr(local, "write_all", fail)
        with pytest.raises(expected) as caught:
            writer.write(b"not taken")
    assert "no-message-holds" not in str(caught.value)
    assert files_in(root) == []


@pytest.mark.parametrize("if_absent", [True, False])
@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c")])
def test_no_key_lies_inside_another(
    store: LocalObjectStore, root: Path, first: str, second: str, *, if_absent: bool
) -> None:
    store.put(first, b"x")
    with pytest.raises(ValueError, match="inside another"):
        store.put(second, b"x", if_absent=if_absent)
    assert files_in(root) == [first]


def test_unfinished_writes_are_cleared_away_once_they_are_old(store: LocalObjectStore, root: Path) -> None:
    left, fresh = root / ".incoming/left", root / ".incoming/fresh"
    for path in (left, fresh):
        path.write_bytes(b"half")
    two_hours_ago = time.time() - 7200
    os.utime(left, (two_hours_ago, two_hours_ago))
    store.put("a", b"x")
    LocalObjectStore(root).prepare()
    assert files_in(root) == [".incoming/fresh", "a"]
    assert store.remove_stale(older_than=0) == 1
    assert list(store.keys()) == ["a"]


def test_what_others_put_beside_the_objects_is_left_alone(store: LocalObjectStore, root: Path) -> None:
    (root / "lost+found").mkdir()
    (root / "lost+found" / "a").write_bytes(b"x")
    (root / ".hidden").write_bytes(b"x")
    store.put("a", b"x")
    assert list(store.keys()) == ["a"]


def test_keys_come_in_the_order_of_their_bytes(store: LocalObjectStore) -> None:
    keys = ["z/A/1", "z/a-b/1", "z/a.b", "z/a/1", "z/a/2", "z/a0"]
    for key in reversed(keys):
        store.put(key, b"x")
    assert list(store.keys()) == keys == sorted(keys)


def ruin_by_file(root: Path) -> None:
    root.rename(root.with_name("gone"))
    root.write_bytes(b"a file where the directory was")


@pytest.mark.parametrize("ruin", [lambda root: root.rename(root.with_name("gone")), ruin_by_file])
def test_without_its_directory_the_store_is_unavailable(
    store: LocalObjectStore, root: Path, ruin: Callable[[Path], object]
) -> None:
    ruin(root)
    calls: list[Callable[[], object]] = [
        lambda: store.put("a/b", b"x"),
        lambda: store.put("a", b"x", if_absent=True),
        lambda: store.writing("a").__enter__(),
        lambda: store.get("a"),
        lambda: store.exists("a"),
        lambda: store.delete("a"),
        lambda: store.delete_prefix("a"),
        lambda: list(store.keys()),
        store.check,
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    assert not (root / "a").exists()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EIO, StoreUnavailable),
        (errno.EACCES, StoreUnavailable),
        (errno.EROFS, StoreUnavailable),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace", "mkdir"])
def test_a_put_that_fails_at_any_step_leaves_nothing(
    store: LocalObjectStore,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    number: int,
    expected: type[PipelineError],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "a-path-that-no-message-holds")

    target = {"fsync": (os, "fsync"), "replace": (Path, "replace"), "mkdir": (Path, "mkdir")}[step]
    with monkeypatch.context() as patch:
        patch.setattr(*target, fail)
        with pytest.raises(expected) as caught:
            store.put("documents/one/original", b"x")
    assert "no-message-holds" not in str(caught.value)
    assert files_in(root) == []
    assert sorted(path.name for path in root.iterdir()) == [".incoming"]
    store.put("documents/one/original", b"x")
