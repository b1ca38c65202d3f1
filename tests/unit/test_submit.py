from __future__ import annotations

import pytest

from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import DatabaseUnavailable, Refused
from ocr_pipeline.domain.sealing import Place, Purpose
from tests.unit.world import PNG, World

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
