"""Verifying the audit trail: what is walked, and what it takes to find it."""

from __future__ import annotations

import pytest

from ocr_pipeline.adapters.memory.audit import MemoryAuditTrail
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.operations.verify import VerifyAudit
from tests.unit.world import PNG, World


def received(world: World, count: int) -> list[DocumentId]:
    return [world.receive(PNG, bytes([number])).document_id for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_every_document_is_walked_once_whatever_the_batch(count: int) -> None:
    world = World()
    documents = received(world, count)
    checks = list(VerifyAudit(world.records, batch=2)())
    assert [check.document_id for check in checks] == sorted(documents)
    assert all(check.events and check.fault is None for check in checks)


def test_one_document_is_found_without_a_list_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    _, document_id, _ = received(world, 3)
    monkeypatch.delattr(MemoryAuditTrail, "document_ids")
    (check,) = VerifyAudit(world.records)(document_id)
    assert (check.document_id, check.fault) == (document_id, None)
    with pytest.raises(NotFound):
        list(VerifyAudit(world.records)(DocumentId(world.ids.new())))


def test_of_all_documents_a_batch_of_ids_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    documents = received(world, 5)
    asked: list[DocumentId | None] = []
    listed = MemoryAuditTrail.document_ids

    def noting(trail: MemoryAuditTrail, *, after: DocumentId | None = None) -> object:
        asked.append(after)
        return listed(trail, after=after)

    monkeypatch.setattr(MemoryAuditTrail, "document_ids", noting)
    assert len(list(VerifyAudit(world.records, batch=2)())) == 5
    assert asked == [None, documents[1], documents[3]]


def test_a_chain_whose_document_is_gone_is_found_by_its_id() -> None:
    world = World()
    (document_id,) = received(world, 1)
    with world.records() as uow:
        uow._current.documents.drop(lambda row: row.id == document_id)
        uow.commit()
    (check,) = VerifyAudit(world.records)(document_id)
    assert check.fault is not None
    assert "row is gone" in check.fault.problem
