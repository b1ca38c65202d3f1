from __future__ import annotations

import pytest

from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import Conflict, KeyMissing
from ocr_pipeline.domain.ids import DocumentId, ReviewId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.operations.rewrap import RewrapKeys
from ocr_pipeline.operations.verify import VerifyAudit
from ocr_pipeline.results.apply import Applied
from tests.unit.world import World


def doubted(world: World) -> tuple[DocumentId, ReviewId]:
    document_id = world.queued()
    world.apply(world.report_of(world.queue.recognition.pop(), confidence=0.5))
    return document_id, world.desk.waiting()[0].id


def test_a_correction_completes_the_document_and_measures_the_machine() -> None:
    world = World()
    document_id, item = doubted(world)
    world.desk.claim(item, "kim")
    done = world.desk.correct(item, "kim", "hallo")
    assert done.cer == pytest.approx(1 / 5)
    assert world.states(document_id) == [PageState.CORRECTED]
    assert world.document(document_id).state is DocumentState.COMPLETED
    result = world.read(document_id, actor="test")
    assert result.pages[0].text == "hallo"
    assert world.audit(document_id)[-3:] == [
        AuditKind.REVIEW_CORRECTED,
        AuditKind.DOCUMENT_STATE,
        AuditKind.DOCUMENT_READ,
    ]


@pytest.mark.parametrize(("act", "state"), [("confirm", PageState.CONFIRMED), ("unreadable", PageState.UNREADABLE)])
def test_other_decisions_complete_it_too(act: str, state: PageState) -> None:
    world = World()
    document_id, item = doubted(world)
    world.desk.claim(item, "kim")
    getattr(world.desk, act)(item, "kim")
    assert world.states(document_id) == [state]
    assert world.desk.waiting() == []


def test_a_lease_keeps_others_off_until_it_runs_out() -> None:
    world = World()
    _document, item = doubted(world)
    world.desk.claim(item, "kim")
    with pytest.raises(Conflict):
        world.desk.claim(item, "lee")
    with pytest.raises(Conflict):
        world.desk.confirm(item, "lee")
    assert world.desk.waiting(unclaimed=True) == []
    world.clock.advance(minutes=16)
    with pytest.raises(Conflict):
        world.desk.confirm(item, "kim")
    world.desk.claim(item, "lee")
    world.desk.release(item, "lee")
    world.desk.claim(item, "kim")
    world.desk.confirm(item, "kim")


def test_nothing_is_decided_twice_or_unclaimed_or_empty() -> None:
    world = World()
    _document, item = doubted(world)
    with pytest.raises(Conflict):
        world.desk.confirm(item, "kim")
    world.desk.claim(item, "kim")
    with pytest.raises(Conflict):
        world.desk.correct(item, "kim", "  \n")
    world.desk.confirm(item, "kim")
    with pytest.raises(Conflict):
        world.desk.claim(item, "kim")


def test_a_look_at_a_page_is_audited_and_shows_image_and_reading() -> None:
    world = World()
    document_id, item = doubted(world)
    sheet = world.desk.show(item, "kim")
    assert sheet.read is not None
    assert sheet.read.text == "hello"
    assert sheet.image is not None
    assert sheet.image.startswith(b"\x89PNG")
    assert world.audit(document_id)[-1] is AuditKind.DOCUMENT_READ


def test_an_erased_document_cannot_be_opened_and_keeps_its_trail() -> None:
    world = World()
    document_id, item = doubted(world)
    assert world.erase(document_id, actor="dpo") == 2
    assert world.erase(document_id, actor="dpo") == 0
    assert world.document(document_id).state is DocumentState.ERASED
    assert world.desk.waiting() == []
    for opening in (lambda: world.read(document_id, actor="x"), lambda: world.desk.show(item, "x")):
        with pytest.raises(KeyMissing):
            opening()
    assert AuditKind.DOCUMENT_ERASED in world.audit(document_id)
    assert all(check.fault is None for check in VerifyAudit(world.records)())


def test_a_page_whose_key_was_wrapped_anew_under_way_is_sent_again_with_it() -> None:
    world = World()
    world.queued()
    stale = world.queue.recognition.pop()
    old = world.keys.current_key_id
    world.keys.rotate()
    list(RewrapKeys(world.records, world.vault, world.keys, world.clock)(actor="op"))
    world.keys.destroy(old)
    assert world.apply(world.recognise(stale)) is Applied.RETRIED
    world.clock.advance(minutes=1)
    world.reconcile()
    assert world.report_of(world.queue.recognition.pop()).text


def test_an_erased_file_may_be_sent_again() -> None:
    world = World()
    document_id, _item = doubted(world)
    world.erase(document_id, actor="dpo")
    assert not world.upload().duplicate


def test_rotation_rewraps_every_key_and_touches_no_object() -> None:
    world = World()
    document_id, _item = doubted(world)
    objects = {key: world.store.get(key) for key in world.store.keys()}
    old = world.document(document_id).key
    world.keys.rotate()
    rewrap = RewrapKeys(world.records, world.vault, world.keys, world.clock, batch=1)
    assert [step.rewrapped for step in rewrap(actor="op")] == [True]
    assert list(rewrap(actor="op")) == []
    assert world.document(document_id).key != old
    assert {key: world.store.get(key) for key in world.store.keys()} == objects
    assert world.read(document_id, actor="x").pages[0].text == "hello"
