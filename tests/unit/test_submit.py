from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ocr_pipeline.adapters.memory.records import MemoryUnitOfWork
from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import DocumentKind, DocumentState, MediaType
from ocr_pipeline.domain.errors import (
    DatabaseUnavailable,
    IdempotencyMismatch,
    ObjectExists,
    Refused,
    StoreFull,
    Unavailable,
)
from ocr_pipeline.domain.ids import ClientId, DocumentId, original_key
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.intake.submit import Receipt
from tests.unit.world import CLIENT, PNG, FakeIds, World, arrival

CANARY = "홍길동-900101-1234567"


def test_an_upload_is_kept_encrypted_recorded_and_sent() -> None:
    world = World()
    receipt = world.upload(PNG + CANARY.encode(), name=f"{CANARY}.png")
    document = world.document(receipt.document_id)
    assert document.state is DocumentState.RECEIVED
    assert [task.document_id for task in world.queue.intake] == [receipt.document_id]
    assert world.audit(receipt.document_id) == [AuditKind.DOCUMENT_RECEIVED]
    stored = world.store.get(f"documents/{receipt.document_id}/original")
    assert CANARY.encode() not in stored
    assert document.key is not None
    assert document.name is not None
    assert CANARY.encode() not in document.name
    opened = world.vault.open(document.key, Place(document.id, Purpose.NAME), document.name)
    assert opened.decode() == f"{CANARY}.png"


def test_the_same_file_again_gives_the_earlier_document() -> None:
    world = World()
    first, second = world.upload(name="a.png"), world.upload(name="b.png")
    assert second.duplicate
    assert second.document_id == first.document_id
    assert len(world.queue.intake) == 1
    assert len(list(world.store.keys())) == 1


def test_again_takes_a_known_file_in_anew() -> None:
    world = World()
    first, second = world.upload(), world.upload(again=True)
    assert not second.duplicate
    assert second.document_id != first.document_id


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty_file"), (PNG + bytes(1000), "too_large"), (b"<html>", "unsupported_format")],
)
def test_a_refused_upload_leaves_nothing(content: bytes, reason: str) -> None:
    world = World()
    with pytest.raises(Refused) as refusal:
        world.upload(content)
    assert refusal.value.reason == reason
    assert list(world.store.keys()) == []
    assert world.queue.intake == []


def test_a_lost_database_leaves_nothing_half_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    keep = world.store.put

    def put_then_lose_the_database(key: str, data: bytes, *, if_absent: bool = False) -> None:
        keep(key, data, if_absent=if_absent)
        world.records.available = False

    monkeypatch.setattr(world.store, "put", put_then_lose_the_database)
    with pytest.raises(DatabaseUnavailable):
        world.upload()
    assert list(world.store.keys()) == []


def test_a_lost_broker_is_made_up_for_by_reconcile() -> None:
    world = World()
    world.queue.down = True
    receipt = world.upload()
    assert world.document(receipt.document_id).dispatched_at is None
    world.queue.down = False
    assert world.reconcile().documents == 1
    assert [task.document_id for task in world.queue.intake] == [receipt.document_id]
    assert world.reconcile().documents == 0


# Receiving in pieces


def test_a_file_in_pieces_becomes_the_document_that_it_would_be_whole() -> None:
    world = World()
    content = PNG + CANARY.encode() * 20
    receipt = world.receive(*(content[start : start + 7] for start in range(0, len(content), 7)), name=CANARY)
    document = world.document(receipt.document_id)
    sealed = world.store.get(original_key(receipt.document_id))
    assert world.vault.open(document.usable_key(), Place(document.id, Purpose.ORIGINAL), sealed) == content
    assert document.size == len(content)
    assert document.media_type is MediaType.PNG
    assert [task.document_id for task in world.queue.intake] == [receipt.document_id]
    assert world.upload(content) == Receipt(document, duplicate=True)


def test_what_a_client_says_of_its_file_is_kept_sealed_and_its_kind_is_audited() -> None:
    world = World()
    deadline = world.clock.now() + timedelta(minutes=30)
    said = {Purpose.NAME: CANARY, Purpose.REFERENCE: f"환자 {CANARY}", Purpose.CALLBACK: "https://clinic.example/1"}
    receipt = world.receive(
        name=said[Purpose.NAME],
        reference=said[Purpose.REFERENCE],
        callback=said[Purpose.CALLBACK],
        kind=DocumentKind.PRESCRIPTION,
        deadline=deadline,
        priority=Priority.BULK,
    )
    document = world.document(receipt.document_id)
    kept = {Purpose.NAME: document.name, Purpose.REFERENCE: document.reference, Purpose.CALLBACK: document.callback}
    for purpose, text in said.items():
        sealed = kept[purpose]
        assert sealed is not None
        assert text.encode() not in sealed
        assert world.vault.open(document.usable_key(), Place(document.id, purpose), sealed).decode() == text
    assert (document.kind, document.deadline) == (DocumentKind.PRESCRIPTION, deadline)
    assert document.priority is Priority.ROUTINE
    assert [task.priority for task in world.queue.intake] == [Priority.ROUTINE]
    with world.records() as uow:
        (event,) = uow.audit.events(document.id)
    details = dict(event.entry.details)
    assert (details["kind"], details["deadline"]) == ("prescription", deadline.isoformat())
    assert details["priority"] == "routine"
    assert CANARY not in repr(event)


def test_what_a_client_does_not_say_is_not_kept() -> None:
    world = World()
    document = world.document(world.receive().document_id)
    assert (document.reference, document.callback, document.deadline) == (None, None, None)
    assert document.kind is DocumentKind.OTHER


@pytest.mark.parametrize("pieces", [0, 1, 5])
def test_a_reception_left_unfinished_leaves_nothing(pieces: int) -> None:
    world = World()
    with world.submit.receiving(arrival(idempotency="key")) as reception:
        for _ in range(pieces):
            reception.write(PNG)
    assert nothing_of_it(world)


def test_a_reception_broken_off_leaves_nothing() -> None:
    world = World()

    def receive() -> None:
        with world.submit.receiving(arrival(idempotency="key")) as reception:
            reception.write(PNG)
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive()
    assert nothing_of_it(world)


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [([], "empty_file"), ([PNG, bytes(600), bytes(600)], "too_large"), ([b"<html>"], "unsupported_format")],
)
def test_a_refused_reception_leaves_nothing(chunks: list[bytes], reason: str) -> None:
    world = World()
    with pytest.raises(Refused) as refusal:
        world.receive(b"", *chunks, idempotency="key")
    assert refusal.value.reason == reason
    assert nothing_of_it(world)


def test_a_file_that_is_finished_stays_whatever_happens_after() -> None:
    world = World()

    def receive() -> None:
        with world.submit.receiving(arrival()) as reception:
            reception.write(PNG)
            reception.finish()
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive()
    assert len(world.queue.intake) == len(list(world.store.keys())) == 1


@pytest.mark.parametrize("lost", ["records", "store", "keys"])
def test_a_service_lost_in_the_middle_leaves_nothing(lost: str) -> None:
    world = World()

    def receive() -> None:
        with world.submit.receiving(arrival(idempotency="key")) as reception:
            reception.write(PNG)
            getattr(world, lost).available = False
            reception.finish()

    with pytest.raises(Unavailable):
        receive()
    getattr(world, lost).available = True
    assert nothing_of_it(world)


def test_a_full_store_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.store, "_capacity", 30)
    with pytest.raises(StoreFull):
        world.receive(PNG, bytes(100), idempotency="key")
    assert nothing_of_it(world)


def test_another_object_under_the_new_key_is_left_alone() -> None:
    world = World()
    ids, taken = FakeIds(), original_key(DocumentId(FakeIds().new()))
    world.submit._ids = ids
    world.store.put(taken, b"another's")
    with pytest.raises(ObjectExists):
        world.receive()
    assert world.store.get(taken) == b"another's"
    assert world.queue.intake == []


def test_an_original_stays_when_the_answer_to_the_commit_got_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    commit = MemoryUnitOfWork.commit

    def commit_and_lose_the_answer(uow: MemoryUnitOfWork) -> None:
        commit(uow)
        raise DatabaseUnavailable("the answer got lost")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryUnitOfWork, "commit", commit_and_lose_the_answer)
        with pytest.raises(DatabaseUnavailable):
            world.receive(idempotency="key")
    again = world.receive(idempotency="key")
    assert again.repeated
    assert list(world.store.keys()) == [original_key(again.document_id)]
    world.clock.advance(hours=1)
    assert world.reconcile().documents == 1


@pytest.mark.parametrize("at_hand", [True, False])
def test_a_file_at_hand_that_is_known_is_not_stored_again(at_hand: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    first = world.receive(PNG)
    deleted: list[str] = []
    monkeypatch.setattr(world.store, "delete", deleted.append)
    same = world.upload(PNG) if at_hand else world.receive(PNG)
    assert same == Receipt(first.document, duplicate=True)
    assert len(deleted) == (0 if at_hand else 1)


# Idempotency


def test_the_same_request_again_is_the_same_document() -> None:
    world = World()
    first = world.receive(idempotency="key", again=True, reference="r", callback="https://clinic.example/1")
    world.admit(world.queue.intake.pop())
    again = world.receive(idempotency="key", again=True, reference="r", callback="https://clinic.example/1")
    assert again == Receipt(world.document(first.document_id), duplicate=True, repeated=True)
    assert again.state is DocumentState.QUEUED
    assert world.queue.intake == []
    assert list(world.store.keys("documents/")) == list(world.store.keys(f"documents/{first.document_id}/"))


@pytest.mark.parametrize(
    "other",
    [
        {"content": b"two"},
        {"name": "b.png"},
        {"kind": DocumentKind.CHART},
        {"priority": Priority.BULK},
        {"again": True},
        {"reference": "r"},
    ],
)
def test_another_request_under_the_same_key_is_refused(other: dict[str, Any]) -> None:
    world = World()
    first = world.receive(PNG, b"one", idempotency="key")
    with pytest.raises(IdempotencyMismatch):
        world.receive(PNG, other.pop("content", b"one"), idempotency="key", **other)
    assert len(world.queue.intake) == 1
    assert list(world.store.keys()) == [original_key(first.document_id)]
    assert world.receive(PNG, b"one", idempotency="key").repeated


def test_a_nearer_deadline_does_not_make_it_another_request() -> None:
    world = World()
    deadline = world.clock.now() + timedelta(minutes=90)
    first = world.receive(idempotency="key", deadline=deadline, priority=Priority.BULK)
    world.clock.advance(minutes=89)
    again = world.receive(idempotency="key", deadline=deadline, priority=Priority.BULK)
    assert (again.document_id, again.repeated) == (first.document_id, True)
    assert world.document(first.document_id).priority is Priority.BULK


def test_keys_belong_to_their_clients() -> None:
    world = World()
    first = world.receive(idempotency="key")
    other = world.receive(idempotency="key", client_id=ClientId("hospital-b"))
    assert not other.duplicate
    assert other.document_id != first.document_id


def test_a_key_that_led_to_an_earlier_file_is_remembered_too() -> None:
    world = World()
    first = world.receive(PNG, b"one")
    same = world.receive(PNG, b"one", idempotency="key")
    assert same == Receipt(world.document(first.document_id), duplicate=True)
    assert world.receive(PNG, b"one", idempotency="key").repeated
    with pytest.raises(IdempotencyMismatch):
        world.receive(PNG, b"two", idempotency="key")


def test_a_request_is_repeated_even_where_its_document_is_gone() -> None:
    world = World()
    first = world.receive(idempotency="key")
    world.cancel(first.document_id, actor="test")
    assert world.receive(idempotency="key").state is DocumentState.CANCELLED
    assert world.receive().document_id != first.document_id


@pytest.mark.parametrize("contents", [[b"one"] * 6, [b"one", b"two"] * 3])
def test_of_requests_at_once_under_one_key_one_makes_a_document(contents: list[bytes]) -> None:
    world, ready = World(), threading.Barrier(6)

    def receive(content: bytes) -> Receipt | None:
        with world.submit.receiving(arrival(idempotency="key", again=True)) as reception:
            reception.write(PNG + content)
            ready.wait(timeout=120)
            try:
                return reception.finish()
            except IdempotencyMismatch:
                return None

    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(receive, contents))
    made = [receipt for receipt in receipts if receipt is not None and not receipt.duplicate]
    assert len(made) == 1
    assert {receipt.document_id for receipt in receipts if receipt is not None} == {made[0].document_id}
    assert sum(receipt is None for receipt in receipts) == (3 if b"two" in contents else 0)
    assert list(world.store.keys()) == [original_key(made[0].document_id)]
    assert len(world.queue.intake) == 1


@pytest.mark.parametrize("keys", [[None] * 6, [f"key {number}" for number in range(6)]])
def test_of_equal_files_at_once_one_becomes_a_document(keys: list[str | None]) -> None:
    world, ready = World(), threading.Barrier(6)

    def receive(key: str | None) -> Receipt:
        with world.submit.receiving(arrival(idempotency=key)) as reception:
            reception.write(PNG)
            ready.wait(timeout=120)
            return reception.finish()

    with ThreadPoolExecutor(6) as pool:
        receipts = list(pool.map(receive, keys))
    assert sorted(receipt.duplicate for receipt in receipts) == [False] + [True] * 5
    assert len({receipt.document_id for receipt in receipts}) == 1
    assert len(list(world.store.keys())) == len(world.queue.intake) == 1
    assert not any(receipt.repeated for receipt in receipts)


def nothing_of_it(world: World) -> bool:
    with world.records() as uow:
        rows = uow.documents.find()
        remembered = uow.idempotency.find(CLIENT, "key")
    return not rows and remembered is None and list(world.store.keys()) == [] and world.queue.intake == []
