"""Objects that belong to nothing are removed, and nothing else is, whatever the database says."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from ocr_pipeline.domain.errors import DatabaseUnavailable, IntegrityError, StoreUnavailable
from ocr_pipeline.domain.ids import (
    DocumentId,
    PageRef,
    erasure_note_key,
    made_at,
    original_key,
    page_key,
    uuid7,
)
from ocr_pipeline.operations.orphans import DropOrphans, OrphanRules
from tests.unit.world import PNG, World

HOUR = timedelta(hours=1)


def aged(world: World, age: timedelta, number: int = 0) -> DocumentId:
    """The id of a document whose file arrived so long ago."""
    return DocumentId(uuid7(round((world.clock.time - age).timestamp() * 1000), number))


def left_behind(world: World, age: timedelta, number: int = 0) -> DocumentId:
    document_id = aged(world, age, number)
    world.store.put(original_key(document_id), b"sealed")
    world.store.put(page_key(PageRef(document_id, 1)), b"sealed")
    return document_id


def sweep(world: World, **rules: object) -> DropOrphans:
    return DropOrphans(world.records, world.store, world.clock, OrphanRules(**rules))  # type: ignore[arg-type]


def test_what_has_no_row_goes_and_what_has_one_stays() -> None:
    world = World()
    kept = world.queued(pages=2)
    left_behind(world, 3 * HOUR)
    dropped = sweep(world, recent=timedelta(days=10_000))()
    assert (dropped.documents, dropped.objects) == (2, 2)
    assert {key.split("/")[1] for key in world.store.keys("documents/")} == {str(kept)}
    assert len(list(world.store.keys())) == 3


def test_what_is_young_may_still_get_its_row() -> None:
    world = World()
    young, old = left_behind(world, 0.9 * HOUR), left_behind(world, 1.1 * HOUR)
    assert sweep(world)().documents == 1
    assert world.store.exists(original_key(young))
    assert not world.store.exists(original_key(old))


def test_what_an_erasure_could_not_remove_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    document_id = world.queued()

    def fail(_prefix: str) -> int:
        raise StoreUnavailable("away by now")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "delete_prefix", fail)
        with pytest.raises(StoreUnavailable):
            world.erase(document_id, actor="test")
    assert sweep(world, recent=timedelta(days=10_000))().objects == 2
    assert list(world.store.keys()) == [erasure_note_key(document_id)]


def test_sweeps_go_on_where_the_last_ended_and_begin_with_the_recent_past() -> None:
    world = World()
    for day in range(1, 7):
        left_behind(world, timedelta(days=day))
    dropping = sweep(world, at_once=2, recent=timedelta(days=3.5))
    days_left = [sorted_days(world)]
    for _ in range(4):
        dropping()
        days_left.append(sorted_days(world))
    assert days_left == [[1, 2, 3, 4, 5, 6], [1, 4, 5, 6], [4, 5, 6], [4], []]


def sorted_days(world: World) -> list[int]:
    found = {UUID(key.split("/")[1]) for key in world.store.keys("documents/")}
    moments = [moment for document_id in found if (moment := made_at(document_id)) is not None]
    return sorted(round((world.clock.time - moment) / timedelta(days=1)) for moment in moments)


def test_more_orphans_than_crashes_explain_are_left_to_a_person() -> None:
    world = World()
    for number in range(4):
        left_behind(world, 5 * HOUR, number)
    with pytest.raises(IntegrityError, match="nothing was removed"):
        sweep(world, most=3)()
    assert len(list(world.store.keys())) == 8
    assert sweep(world, most=4)().objects == 8


def test_a_silent_database_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    left_behind(world, 5 * HOUR)

    def silent() -> None:
        raise DatabaseUnavailable("down")

    dropping = sweep(world)
    monkeypatch.setattr(dropping, "_records", silent)
    with pytest.raises(DatabaseUnavailable):
        dropping()
    assert len(list(world.store.keys())) == 2


def test_what_the_pipeline_never_made_is_left_alone() -> None:
    world = World()
    world.store.put(f"documents/{uuid4()}/original", PNG)
    world.store.put("documents/readme", PNG)
    world.store.put("documents/readme-2/original", PNG)
    assert sweep(world, recent=timedelta(days=10_000))().documents == 0
    assert len(list(world.store.keys())) == 3
