"""Writing a list down: every row is an item, also the bad and the doubled, and an interrupted list goes on."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from ocr_pipeline.adapters.files.bulk_manifest import ManifestList
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.bulk.create import CreateRun
from ocr_pipeline.bulk.sealed import open_about, open_source
from ocr_pipeline.domain.bulk import BulkItem, ItemState, RunState
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import Conflict, KeyMissing, StoreUnavailable
from ocr_pipeline.ports.bulk import SourceFile
from tests.unit.bulk.bulk_world import BulkWorld, Files

MANY = 20_000
MEBIBYTE = 1024 * 1024


def rows(*names: str) -> list[SourceFile]:
    return [SourceFile(name, line=line) for line, name in enumerate(names, start=2)]


def test_a_list_becomes_items_whose_names_only_the_run_can_open() -> None:
    bulk = BulkWorld(Files(b"a", b"b", b"c"))
    run = bulk.begin()
    assert run.state is RunState.LISTING
    assert [each.items for each in bulk.create.fill(run.id, bulk.files, actor="cli:kim")] == [2, 3]
    assert bulk.run(run.id).state is RunState.CREATED
    items, vault = bulk.items(run.id), bulk.world.vault
    assert [open_source(vault, run, item).name for item in items] == list(bulk.files.contents)
    assert open_about(vault, run).base == "s3://scans/2026"
    assert not any(b"kim" in (item.source or b"") + (item.fingerprint or b"") for item in items)
    assert b"s3" not in run.about
    assert "kim" not in repr(items) + repr(bulk.files.rows)


def test_bad_rows_and_doubles_are_kept_as_such() -> None:
    bulk = BulkWorld(Files())
    bulk.files.rows = rows("a", "b", "a", "c", "b")
    bulk.files.rows[3] = SourceFile("", line=5, problem="no_path")
    run = bulk.begin()
    listed = bulk.fill(run.id)
    assert (listed.items, listed.refused, listed.duplicates) == (5, 1, 2)
    assert bulk.states(run.id) == [
        "waiting",
        "waiting",
        "duplicate:duplicate_row",
        "refused:no_path",
        "duplicate:duplicate_row",
    ]
    items = bulk.items(run.id)
    assert [item.line for item in items] == [2, 3, 4, 5, 6]
    assert [item.duplicate_of for item in items] == [None, None, 1, None, 2]
    assert [item.source is None for item in items] == [False, False, True, True, True]


def test_a_list_is_written_down_once() -> None:
    bulk = BulkWorld(Files(b"a"))
    run_id = bulk.listed()
    with pytest.raises(Conflict):
        bulk.fill(run_id)
    assert len(bulk.items(run_id)) == 1


def test_a_run_starts_only_when_its_list_is_whole() -> None:
    bulk = BulkWorld(Files(b"a"))
    run = bulk.begin()
    with pytest.raises(Conflict, match="not listed"):
        bulk.control.start(run.id, actor="cli:kim")


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("end", range(8))
def test_an_interrupted_list_goes_on(numbered: bool, end: int) -> None:
    bulk = BulkWorld(Files())
    names = ["a", "b", "c", "d", "e", "f", "g"]
    bulk.files.rows = rows(*names) if numbered else [SourceFile(name) for name in names]
    run = bulk.begin()

    class Cut:
        def files(self, *, after_line: int = 0) -> Iterator[SourceFile]:
            yield from bulk.files.rows[:end]
            raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable):
        list(bulk.create.fill(run.id, Cut(), actor="cli:kim"))
    if not numbered:
        bulk.files.rows.reverse()  # a folder need not list itself in one order
    assert bulk.fill(run.id).items == 7
    found = {open_source(bulk.world.vault, run, item).name for item in bulk.items(run.id)}
    assert found == set(names)
    assert bulk.states(run.id) == ["waiting"] * 7


def test_a_cancelled_list_takes_no_more() -> None:
    bulk = BulkWorld(Files(b"a", b"b", b"c"))
    run = bulk.begin()
    filling = bulk.create.fill(run.id, bulk.files, actor="cli:kim")
    next(filling)
    bulk.control.cancel(run.id, actor="cli:lee")
    with pytest.raises(Conflict):
        next(filling)
    assert len(bulk.items(run.id)) == 2


def test_a_name_that_is_gone_is_told_so() -> None:
    bulk = BulkWorld(Files(b"a"))
    run_id = bulk.listed()
    bare = BulkItem(run_id, 1, ItemState.DONE, None)
    with pytest.raises(KeyMissing):
        open_source(bulk.world.vault, bulk.run(run_id), bare)


def test_a_file_name_that_is_no_text_comes_through() -> None:
    bulk = BulkWorld(Files())
    name = b"\xb1\xe8.png".decode("utf-8", "surrogateescape")
    bulk.files.rows, bulk.files.contents = [SourceFile(name)], {name: b"\x89PNG\r\n\x1a\nx"}
    run_id = bulk.started()
    assert bulk.hand_out(run_id)[0] == 1
    assert bulk.world.read(bulk.documents()[0].id, actor="test").name == "??.png"


class Counted:
    """Records that count items and keep none."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self.items = self.refused = self.last_line = 0

    def __call__(self) -> Any:
        return _CountedWork(self._records(), self)


class _CountedWork:
    def __init__(self, work: Any, counted: Counted) -> None:
        self._work = work
        self._counted = counted
        self.bulk_items = self

    def __enter__(self) -> Self:
        self._work.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._work.__exit__(*raised)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    def last(self, run_id: Any) -> tuple[int, int]:
        return self._counted.items, self._counted.last_line

    def known(self, run_id: Any, fingerprints: Any) -> dict[bytes, int]:
        return {}

    def add(self, items: list[BulkItem]) -> None:
        self._counted.items += len(items)
        self._counted.refused += sum(item.state is ItemState.REFUSED for item in items)
        self._counted.last_line = max((item.line or 0 for item in items), default=self._counted.last_line)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_huge_manifest_is_never_held_whole(tmp_path: Path) -> None:
    manifest = tmp_path / "huge.csv"
    with manifest.open("w") as file:
        file.write("path,type,reference\n")
        for number in range(MANY):
            file.write(f"ward {number % 97}/scan-{number:09}.png,{'chart' if number % 10 else 'novel'},ref-{number}\n")
    assert manifest.stat().st_size > 700_000
    bulk = BulkWorld(Files())
    counted = Counted(bulk.world.records)
    vault = AesGcmVault(bulk.world.keys, DataKeyCache(8, 600))
    create = CreateRun(counted, vault, bulk.world.clock, bulk.world.ids, batch=1000)
    run = bulk.begin()
    tracemalloc.start()
    try:
        for _ in create.fill(run.id, ManifestList(manifest, "/scans", DocumentKind.OTHER), actor="cli:kim"):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counted.items == MANY, "as objects held whole they would take some 14 MiB"
    assert counted.refused == MANY // 10
    assert peak < 4 * MEBIBYTE, f"{peak / MEBIBYTE:.1f} MiB"
