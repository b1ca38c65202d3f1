"""Notes of erasures: written with each, believed only where they prove themselves, and applied after a restore."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from itertools import islice

import pytest

from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import IntegrityError, StoreUnavailable
from ocr_pipeline.domain.ids import DocumentId, document_prefix, erasure_note_key
from ocr_pipeline.operations.erase_again import EraseAgain, ErasedAgain
from ocr_pipeline.operations.erasure_notes import ErasureNote, ErasureNotes
from tests.postgres_fixtures import NOON, new_document_id
from tests.unit.world import PNG, World


def notes_of(world: World) -> ErasureNotes:
    return ErasureNotes(world.store, world.vault)


def erase_again(world: World) -> EraseAgain:
    return EraseAgain(world.records, notes_of(world), world.erase, batch=2)


class Backup:
    """The records and objects of a world as they are now, to be put back; notes are not among them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tables = {
            name: copy.copy(getattr(world.records.tables, name))
            for name in world.records.tables.__slots__
            if name != "mutex"
        }
        self._objects = {key: world.store.get(key) for key in world.store.keys("documents/")}

    def restore(self) -> None:
        for name, rows in self._tables.items():
            table = getattr(self._world.records.tables, name)
            table.clear()
            table.update(rows)
        for key, content in self._objects.items():
            self._world.store.put(key, content)


def documents(world: World, count: int) -> list[DocumentId]:
    return [world.upload(PNG + bytes([number])).document_id for number in range(count)]


def test_what_a_backup_brought_back_is_erased_again_and_that_is_in_its_trail() -> None:
    world = World()
    kept, erased = documents(world, 2)
    backup = Backup(world)
    world.erase(erased, actor="dpo")
    when = world.document(erased).updated_at
    backup.restore()
    assert world.document(erased).key is not None
    world.clock.advance(days=1)
    assert list(erase_again(world)(actor="cli:op")) == [ErasedAgain(erased)]
    assert world.document(erased).key is None
    assert list(world.store.keys(document_prefix(erased))) == []
    assert world.document(kept).state is DocumentState.RECEIVED
    with world.records() as uow:
        last = list(uow.audit.events(erased))[-1].entry
    assert (last.kind, last.actor) == (AuditKind.DOCUMENT_ERASED, "cli:op")
    assert dict(last.details) == {"erased_before": when.isoformat(timespec="microseconds")}
    assert world.audit(erased)[-1] is AuditKind.DOCUMENT_ERASED
    assert list(erase_again(world)(actor="cli:op")) == []


def test_it_may_be_stopped_and_goes_on() -> None:
    world = World()
    erased = documents(world, 5)
    backup = Backup(world)
    for document_id in erased:
        world.erase(document_id, actor="dpo")
    backup.restore()
    first = list(islice(erase_again(world)(actor="op"), 3))
    rest = list(erase_again(world)(actor="op"))
    assert [step.document_id for step in first + rest] == erased
    assert {world.document(document_id).state for document_id in erased} == {DocumentState.ERASED}


def test_the_note_stands_before_the_erasure_does() -> None:
    world = World()
    (document_id,) = documents(world, 1)
    world.store.available = False
    with pytest.raises(StoreUnavailable):
        world.erase(document_id, actor="dpo")
    world.store.available = True
    assert world.document(document_id).key is not None
    assert list(notes_of(world).documents()) == []
    world.erase(document_id, actor="dpo")
    assert list(notes_of(world).documents()) == [document_id]


def test_a_note_names_the_document_and_nothing_of_it() -> None:
    world = World()
    (document_id,) = documents(world, 1)
    world.erase(document_id, actor="dpo")
    content = json.loads(world.store.get(erasure_note_key(document_id)))
    assert set(content) == {"document", "erased_at", "proof"}
    assert notes_of(world).read(document_id) == ErasureNote(document_id, world.document(document_id).updated_at)


def test_the_first_note_stays() -> None:
    world = World()
    (document_id,) = documents(world, 1)
    world.erase(document_id, actor="dpo")
    first = notes_of(world).read(document_id)
    world.clock.advance(days=1)
    world.erase(document_id, actor="dpo")
    assert not notes_of(world).write(ErasureNote(document_id, world.clock.now()))
    assert notes_of(world).read(document_id) == first


@pytest.mark.parametrize("forgery", ["of other keys", "of another document", "of another time", "no note"])
def test_a_note_that_does_not_prove_itself_erases_nothing(forgery: str) -> None:
    world = World()
    victim, other = documents(world, 2)
    match forgery:
        case "of other keys":
            strange = AesGcmVault(MemoryKeyProvider(), DataKeyCache(0, 0))
            ErasureNotes(world.store, strange).write(ErasureNote(victim, NOON))
        case "of another document":
            world.erase(other, actor="dpo")
            world.store.put(erasure_note_key(victim), world.store.get(erasure_note_key(other)))
        case "of another time":
            notes_of(world).write(ErasureNote(victim, NOON))
            content = json.loads(world.store.get(erasure_note_key(victim)))
            content["erased_at"] = (NOON + timedelta(days=1)).isoformat()
            world.store.put(erasure_note_key(victim), json.dumps(content).encode())
        case _:
            world.store.put(erasure_note_key(victim), b"[]")
    assert list(erase_again(world)(actor="op")) == [ErasedAgain(victim, refused=True)]
    assert world.document(victim).key is not None
    with pytest.raises(IntegrityError):
        notes_of(world).read(victim)


def test_what_is_not_there_any_more_is_passed_over() -> None:
    world = World()
    notes_of(world).write(ErasureNote(new_document_id(), NOON))
    world.store.put("erasures/strange", b"?")
    assert list(erase_again(world)(actor="op")) == []


def test_erased_documents_without_notes_get_them() -> None:
    world = World()
    erased = documents(world, 5)
    for document_id in erased:
        world.erase(document_id, actor="dpo")
    for key in list(world.store.keys("erasures/"))[1:]:
        world.store.delete(key)
    assert erase_again(world).note_all() == 4
    assert list(notes_of(world).documents()) == erased
    assert erase_again(world).note_all() == 0
