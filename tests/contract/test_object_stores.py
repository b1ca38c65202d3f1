"""What every object store promises, asked of the one in memory, the local directory and a real S3 server."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ocr_pipeline.adapters.objects.local import LocalObjectStore
from ocr_pipeline.adapters.objects.memory import MemoryObjectStore
from ocr_pipeline.adapters.objects.s3 import S3ObjectStore
from ocr_pipeline.domain.errors import ObjectExists, ObjectMissing
from ocr_pipeline.domain.ids import DocumentId, PageRef, document_prefix, original_key, page_key
from ocr_pipeline.ports.objects import ObjectStore
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_SIZE = 5 << 20
SMALL, LARGE = 2_000, PART_SIZE + 70_000
"""Bytes of an object that S3 takes in one request, and of one that it takes in parts."""


@pytest.fixture(params=["memory", "local", pytest.param("s3", marks=pytest.mark.services)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    match request.param:
        case "memory":
            yield MemoryObjectStore()
        case "local":
            local = LocalObjectStore(tmp_path / "objects")
            local.prepare()
            yield local
        case _:
            client: S3Client = request.getfixturevalue("s3_client")
            staging = tmp_path / "staging"
            s3 = S3ObjectStore(client, "contract", uuid4().hex, part_size=PART_SIZE, staging=staging)
            s3.prepare(create_bucket=True)
            yield s3


@pytest.mark.parametrize("size", [0, 1, SMALL, PART_SIZE, LARGE, 2 * PART_SIZE])
def test_an_object_comes_back_as_it_was_put(store: ObjectStore, size: int) -> None:
    data = bytes(number % 251 for number in range(4096)) * (size // 4096 + 1)
    store.put("documents/one/original", data[:size])
    assert store.get("documents/one/original") == data[:size]
    assert store.exists("documents/one/original")


def test_a_put_replaces(store: ObjectStore) -> None:
    store.put("a", b"first and longer")
    store.put("a", b"second")
    assert store.get("a") == b"second"
    assert list(store.keys()) == ["a"]


def test_what_is_not_there_is_missing(store: ObjectStore) -> None:
    store.put("documents/one/pages/0001", b"page")
    for key in ("documents/two/original", "documents/one/pages", "documents/one/pages/0001/deeper"):
        assert not store.exists(key)
        with pytest.raises(ObjectMissing):
            store.get(key)
        store.delete(key)
    assert store.get("documents/one/pages/0001") == b"page"


def test_a_deleted_object_is_gone_and_its_key_is_free_again(store: ObjectStore) -> None:
    store.put("documents/one/original", b"first", if_absent=True)
    store.delete("documents/one/original")
    assert not store.exists("documents/one/original")
    store.delete("documents/one/original")
    store.put("documents/one/original", b"again", if_absent=True)
    assert store.get("documents/one/original") == b"again"


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_conditional_put_leaves_what_is_there(store: ObjectStore, size: int) -> None:
    store.put("a", b"first", if_absent=True)
    with pytest.raises(ObjectExists):
        store.put("a", bytes(size), if_absent=True)
    assert store.get("a") == b"first"


@pytest.mark.parametrize(("size", "rounds"), [(SMALL, 3), (LARGE, 1)])
def test_of_twelve_conditional_writers_exactly_one_wins(store: ObjectStore, size: int, rounds: int) -> None:
    writers = 12
    for race in range(rounds):
        key = f"race/{race}"
        start = threading.Barrier(writers)

        def won(number: int, key: str = key, start: threading.Barrier = start) -> bool:
            start.wait(PATIENCE)
            try:
                store.put(key, bytes([number]) * size, if_absent=True)
            except ObjectExists:
                return False
            return True

        with ThreadPoolExecutor(writers) as pool:
            winners = [number for number, success in enumerate(pool.map(won, range(writers))) if success]
        assert len(winners) == 1
        assert store.get(key) == bytes(winners) * size


PIECES = {
    "none": [],
    "empty ones": [b"", b""],
    "one": [b"whole"],
    "many": [bytes([number % 251]) * (number % 7) for number in range(3000)],
    "as large as two parts": [b"\1" * PART_SIZE, b"\2" * PART_SIZE],
    "larger than a part": [b"\3" * 70_000] * (PART_SIZE // 70_000 + 2),
}


@pytest.mark.parametrize("if_absent", [True, False])
@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES.keys())
def test_an_object_in_pieces_is_there_once_it_is_committed(
    store: ObjectStore, pieces: list[bytes], *, if_absent: bool
) -> None:
    with store.writing("documents/one/original") as writer:
        for piece in pieces:
            writer.write(piece)
        assert not store.exists("documents/one/original")
        assert list(store.keys()) == []
        writer.commit(if_absent=if_absent)
        assert store.get("documents/one/original") == b"".join(pieces)
    assert store.get("documents/one/original") == b"".join(pieces)
    assert list(store.keys()) == ["documents/one/original"]


class Abandoned(Exception):
    """What a test leaves a block by."""


@pytest.mark.parametrize("error", [Abandoned, KeyboardInterrupt, OSError, None])
@pytest.mark.parametrize("pieces", [0, 1, 300])
def test_what_is_not_committed_was_never_there(
    store: ObjectStore, error: type[BaseException] | None, pieces: int
) -> None:
    store.put("a", b"kept")
    with pytest.raises(error) if error else nullcontext(), store.writing("a") as writer:
        for _ in range(pieces):
            writer.write(bytes(1000))
        if error:
            raise error
    assert store.get("a") == b"kept"
    store.delete("a")
    assert list(store.keys()) == []


def test_an_object_in_pieces_replaces_unless_told_otherwise(store: ObjectStore) -> None:
    store.put("a", b"first")
    with store.writing("a") as refused:
        refused.write(b"second")
        with pytest.raises(ObjectExists):
            refused.commit(if_absent=True)
    assert store.get("a") == b"first"
    with store.writing("a") as writer:
        writer.write(b"third")
        writer.commit()
    assert store.get("a") == b"third"
    assert list(store.keys()) == ["a"]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_of_writers_in_pieces_who_are_ready_at_once_exactly_one_wins(store: ObjectStore, size: int) -> None:
    writers, key = 8, "race"
    ready = threading.Barrier(writers)

    def won(number: int) -> bool:
        with store.writing(key) as writer:
            for _ in range(size // 1000):
                writer.write(bytes([number]) * 1000)
            ready.wait(PATIENCE)
            try:
                writer.commit(if_absent=True)
            except ObjectExists:
                return False
            return True

    with ThreadPoolExecutor(writers) as pool:
        winners = [number for number, success in enumerate(pool.map(won, range(writers))) if success]
    assert len(winners) == 1
    assert store.get(key) == bytes(winners) * (size // 1000 * 1000)
    assert list(store.keys()) == [key]


def test_an_object_is_committed_once_and_takes_nothing_after_that(store: ObjectStore) -> None:
    with store.writing("a") as writer:
        writer.write(b"whole")
        writer.commit()
        calls: list[Callable[[], None]] = [lambda: writer.write(b"more"), writer.commit]
        for call in calls:
            with pytest.raises(ValueError, match="closed file"):
                call()
    assert store.get("a") == b"whole"
    with store.writing("b") as left:
        left.write(b"half")
    with pytest.raises(ValueError, match="closed file"):
        left.commit()
    assert list(store.keys()) == ["a"]


@pytest.mark.parametrize("store", ["local", pytest.param("s3", marks=pytest.mark.services)], indirect=True)
@pytest.mark.parametrize(("if_absent", "at_most"), [(True, 4 << 20), (False, 3 * PART_SIZE)])
def test_memory_does_not_grow_with_the_object(store: ObjectStore, *, if_absent: bool, at_most: int) -> None:
    piece = bytes(64 << 10)
    with store.writing("large") as writer:
        tracemalloc.start()
        try:
            for _ in range(1024):
                writer.write(piece)
            writer.commit(if_absent=if_absent)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < at_most
    assert store.exists("large")
    store.delete("large")


def test_a_reader_never_sees_half_an_object(store: ObjectStore) -> None:
    versions = [bytes([number]) * 300_000 for number in range(1, 5)]
    store.put("a", versions[0])
    done = threading.Event()

    def read() -> set[bytes]:
        seen = set()
        while not done.is_set():
            seen.add(store.get("a"))
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for version in versions * 5:
                store.put("a", version)
        finally:
            done.set()
        seen = set().union(*(reader.result(PATIENCE) for reader in readers))
    assert seen <= set(versions)


def test_puts_and_deletions_beside_each_other_lose_nothing(store: ObjectStore) -> None:
    # A folder that empties while another object is put into it must not take that object along.
    def churn(number: int) -> None:
        for _ in range(15):
            store.put(f"documents/one/pages/{number:04d}", b"page")
            store.delete(f"documents/one/pages/{number:04d}")
        store.put(f"documents/one/pages/{number:04d}", b"kept")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(churn, range(4)))
    assert list(store.keys("documents/one/")) == [f"documents/one/pages/{number:04d}" for number in range(4)]


def test_keys_come_in_order_and_by_prefix(store: ObjectStore) -> None:
    documents = sorted((DocumentId(uuid4()) for _ in range(3)), key=str)
    expected = []
    for document in documents:
        expected.append(original_key(document))
        expected += [page_key(PageRef(document, number)) for number in (1, 2, 10)]
    for key in reversed(expected):
        store.put(key, b"x")
    store.put("other/thing", b"x")
    assert list(store.keys()) == [*expected, "other/thing"]
    assert list(store.keys("documents/")) == expected
    assert list(store.keys(document_prefix(documents[1]))) == expected[4:8]
    assert list(store.keys(page_key(PageRef(documents[2], 1))[:-1])) == expected[9:11]
    assert list(store.keys(str(documents[0]))) == []


def test_keys_are_listed_from_a_place_on(store: ObjectStore) -> None:
    keys = [
        "documents/a/original",
        "documents/a/pages/0001",
        "documents/b/original",
        "documents/ba/original",
        "other/x",
    ]
    for key in keys:
        store.put(key, b"x")
    for place in ("", *keys, "documents/a/", "documents/a/p", "documents/a0", "documents/b/", "documents/c", "z"):
        assert list(store.keys(after=place)) == [key for key in keys if key > place]
        assert list(store.keys("documents/b", after=place)) == [key for key in keys[2:4] if key > place]
    with pytest.raises(ValueError, match="not the beginning"):
        list(store.keys(after="../a"))


def test_a_prefix_is_the_beginning_of_a_name_not_a_folder(store: ObjectStore) -> None:
    for key in ("documents/ab/original", "documents/abc/original", "documents/b/original"):
        store.put(key, b"x")
    assert list(store.keys("documents/ab")) == ["documents/ab/original", "documents/abc/original"]
    assert list(store.keys("documents/ab/")) == ["documents/ab/original"]
    assert store.delete_prefix("documents/ab/") == 1
    assert list(store.keys("documents/a")) == ["documents/abc/original"]


def test_keys_may_be_deleted_while_they_are_listed(store: ObjectStore) -> None:
    keys = [f"documents/{number:02d}/original" for number in range(12)]
    for key in keys:
        store.put(key, b"x")
    for key in store.keys("documents/"):
        store.delete(key)
    assert list(store.keys()) == []


def test_a_prefix_is_deleted_whole_and_counted(store: ObjectStore) -> None:
    document, other = DocumentId(uuid4()), DocumentId(uuid4())
    for each in (document, other):
        store.put(original_key(each), b"x")
        for number in range(1, 8):
            store.put(page_key(PageRef(each, number)), b"x")
    assert store.delete_prefix(document_prefix(document)) == 8
    assert list(store.keys(document_prefix(document))) == []
    assert store.delete_prefix(document_prefix(document)) == 0
    assert len(list(store.keys(document_prefix(other)))) == 8


BAD_KEYS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    ".incoming/a",
    "a b",
    "a\0b",
    "a\nb",
    "a\\b",
]
BAD_KEYS += ["처방전", "a" * 513, "a\n", "-rf", "~", "a?b", "%2e%2e/a"]


def test_a_key_outside_the_grammar_is_refused_and_not_quoted(store: ObjectStore) -> None:
    calls: list[Callable[[str], object]] = [
        lambda key: store.put(key, b"x"),
        lambda key: store.writing(key).__enter__(),
        store.get,
        store.exists,
        store.delete,
    ]
    for key in BAD_KEYS:
        for call in calls:
            with pytest.raises(ValueError, match=r"^not an object key$"):
                call(key)
    assert list(store.keys()) == []


def test_a_prefix_outside_the_grammar_is_refused(store: ObjectStore) -> None:
    for prefix in ("../", "/", "a/../b", "a//"):
        with pytest.raises(ValueError, match="not the beginning"):
            list(store.keys(prefix))
        with pytest.raises(ValueError, match="not the beginning"):
            store.delete_prefix(prefix)


def test_nothing_deletes_the_whole_store_by_a_slip(store: ObjectStore) -> None:
    store.put("a", b"x")
    with pytest.raises(ValueError, match="needs a prefix"):
        store.delete_prefix("")
    assert store.exists("a")


def test_a_check_passes_and_leaves_nothing(store: ObjectStore) -> None:
    store.check()
    assert list(store.keys()) == []
