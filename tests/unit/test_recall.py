"""Pages that were read before: when they need no reading, and when they do."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import DecryptionFailed, KeyMissing, KeyUnavailable, PipelineError
from ocr_pipeline.domain.ids import ClientId, DocumentId, PageRef
from ocr_pipeline.domain.messages import PageFailed
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from tests.unit.world import CLIENT, PNG, World, image_page, page_text

_FILES = count()


def hand_in(world: World, *images: int, **said: Any) -> DocumentId:
    """A new file of these page images, admitted."""
    world.opener.pages = [replace(image_page(image), number=place) for place, image in enumerate(images, 1)]
    receipt = world.receive(PNG, b"%d" % next(_FILES), **said)
    world.admit(world.queue.intake.pop())
    return receipt.document_id


def read_all(world: World, said: str = "hello", confidence: float = 0.99) -> int:
    """Everything that waits is read; returns how many pages that were."""
    tasks, world.queue.recognition = world.queue.recognition, []
    for task in tasks:
        world.engine.page = page_text(*said.split(), confidence=confidence)
        world.apply(world.recognise(task))
    return len(tasks)


@pytest.fixture
def world() -> World:
    """One that has read image 1 in a document of two pages."""
    made = World(configuration="engine-1")
    hand_in(made, 1, 2)
    assert read_all(made, "first reading") == 2
    return made


def test_a_page_that_was_read_before_is_not_read_again(world: World) -> None:
    document_id = hand_in(world, 7, 1)
    assert [task.page.number for task in world.queue.recognition] == [1]
    assert world.document(document_id).state is DocumentState.PROCESSING
    known = world.page(document_id, 2)
    assert (known.state, known.known, known.dispatch, known.dispatched_at) == (PageState.ACCEPTED, True, 0, None)
    assert known.confidence == pytest.approx(0.99)
    assert (known.engine, known.seconds) == ("fake/1", None)
    read_all(world, "second reading")
    assert world.document(document_id).state is DocumentState.COMPLETED
    pages = world.read(document_id, actor="test").pages
    assert [page.text for page in pages] == ["second reading", "first reading"]
    assert world.page(document_id, 1).known is False


def test_a_document_of_known_pages_is_done_at_once(world: World) -> None:
    document_id = hand_in(world, 2, 1, callback="https://clinic.example/told")
    assert world.queue.recognition == []
    assert world.document(document_id).state is DocumentState.COMPLETED
    assert world.audit(document_id) == [
        AuditKind.DOCUMENT_RECEIVED,
        AuditKind.DOCUMENT_QUEUED,
        AuditKind.PAGE_KNOWN,
        AuditKind.PAGE_KNOWN,
        AuditKind.DOCUMENT_STATE,
    ]
    with world.records() as uow:
        assert [webhook.document_id for webhook in uow.webhooks.of_document(document_id)] == [document_id]


def test_what_is_known_is_audited_and_told_with_its_source(world: World) -> None:
    with world.records() as uow:
        (source,) = uow.documents.find()
    document_id = hand_in(world, 2)
    with world.records() as uow:
        (event,) = (each.entry for each in uow.audit.events(document_id) if each.entry.kind is AuditKind.PAGE_KNOWN)
    assert event.page == 1
    assert dict(event.details) == {
        "state": "accepted",
        "source_document": str(source.id),
        "source_page": 2,
        "confidence": 0.99,
        "engine": "fake/1",
        "reasons": [],
    }
    assert world.recalls.told == [(PageRef(document_id, 1), PageRef(source.id, 2))]


def test_a_blank_page_is_known_too() -> None:
    world = World(configuration="engine-1")
    hand_in(world, 1)
    world.engine.page = page_text(confidence=0.0, ink=0.0)
    world.apply(world.recognise(world.queue.recognition.pop()))
    document_id = hand_in(world, 1)
    assert world.states(document_id) == [PageState.BLANK]
    assert world.document(document_id).state is DocumentState.COMPLETED


def test_another_client_knows_nothing_of_it(world: World) -> None:
    hand_in(world, 1, client_id=ClientId("hospital-b"))
    assert len(world.queue.recognition) == 1
    read_all(world, "of hospital b")
    mine, theirs = hand_in(world, 1), hand_in(world, 1, client_id=ClientId("hospital-b"))
    assert world.read(mine, actor="test").pages[0].text == "first reading"
    assert world.read(theirs, actor="test").pages[0].text == "of hospital b"


def test_an_entry_that_names_the_page_of_another_client_is_not_believed(world: World) -> None:
    with world.records() as uow:
        (source,) = uow.documents.find(client_id=CLIENT, states=(DocumentState.COMPLETED,))
        uow.documents.lock(source.id)
        uow.documents.save(replace(source, client_id=ClientId("hospital-c")))
        uow.commit()
    hand_in(world, 1)
    assert len(world.queue.recognition) == 1


def test_a_document_that_is_asked_for_anew_is_read_and_counts_from_then_on(world: World) -> None:
    document_id = hand_in(world, 1, again=True)
    assert world.document(document_id).fresh
    assert read_all(world, "second reading") == 1
    later = hand_in(world, 1)
    assert world.read(later, actor="test").pages[0].text == "second reading"
    assert world.document(later).fresh is False


def test_another_configuration_reads_for_itself(world: World) -> None:
    world.configure("engine-2")
    hand_in(world, 1)
    assert read_all(world, "second engine") == 1
    assert world.read(hand_in(world, 1), actor="test").pages[0].text == "second engine"
    world.configure("engine-1")
    assert world.read(hand_in(world, 1), actor="test").pages[0].text == "first reading"


def test_what_was_erased_is_read_again(world: World) -> None:
    with world.records() as uow:
        (source,) = uow.documents.find()
    kept = hand_in(world, 1)
    world.erase(source.id, actor="test")
    assert world.page(source.id).fingerprint is None
    assert world.records.tables.known_pages == {}
    hand_in(world, 1)
    assert read_all(world) == 1
    assert world.read(kept, actor="test").pages[0].text == "first reading"


@pytest.mark.parametrize("loss", ["text", "key", "row", "image", "trust"])
def test_a_source_that_is_not_what_its_entry_says_is_read_again(world: World, loss: str) -> None:
    with world.records() as uow:
        (source,) = uow.documents.find()
        uow.documents.lock(source.id)
        if loss == "text":
            uow.pages.save(replace(uow.pages.get(PageRef(source.id, 1)), text=None))
        if loss == "image":
            uow.pages.save(replace(uow.pages.get(PageRef(source.id, 1)), fingerprint=bytes(32)))
        if loss == "trust":
            doubted = replace(uow.pages.get(PageRef(source.id, 1)), state=PageState.IN_REVIEW, confidence=0.5)
            uow.pages.save(doubted)
        if loss == "key":
            uow.documents.save(replace(source, key=None))
        if loss == "row":
            world.records.tables.pages.pop(PageRef(source.id, 1))
        uow.commit()
    document_id = hand_in(world, 1)
    assert world.states(document_id) == [PageState.QUEUED]
    assert read_all(world) == 1


@pytest.mark.parametrize("failure", [DecryptionFailed, KeyMissing, KeyUnavailable])
def test_a_source_that_does_not_open_is_read_again(
    world: World, failure: type[PipelineError], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = world.vault.open

    def opens_no_text(key: WrappedKey, place: Place, ciphertext: bytes) -> bytes:
        if place.purpose is Purpose.PAGE_TEXT:
            raise failure("lost")
        return opened(key, place, ciphertext)

    monkeypatch.setattr(world.vault, "open", opens_no_text)
    document_id = hand_in(world, 1)
    assert world.states(document_id) == [PageState.QUEUED]
    assert world.recalls.told == []


def test_a_reading_that_would_not_pass_today_is_made_again(world: World) -> None:
    world.configure("engine-1", threshold=0.995)
    hand_in(world, 1)
    assert len(world.queue.recognition) == 1


def test_a_reading_too_old_is_made_again(world: World) -> None:
    world.clock.advance(days=31)
    hand_in(world, 1)
    assert read_all(world, "second reading") == 1
    assert world.read(hand_in(world, 1), actor="test").pages[0].text == "second reading"


def test_what_a_person_had_to_see_is_not_known() -> None:
    world = World(configuration="engine-1")
    hand_in(world, 1)
    read_all(world, confidence=0.5)
    (item,) = world.desk.waiting()
    world.desk.claim(item.id, reviewer="ann")
    world.desk.correct(item.id, reviewer="ann", text="corrected")
    assert world.records.tables.known_pages == {}
    hand_in(world, 1)
    assert len(world.queue.recognition) == 1


def test_what_failed_is_not_known() -> None:
    world = World(configuration="engine-1", review=False)
    hand_in(world, 1)
    task = world.queue.recognition.pop()
    world.apply(
        PageFailed(task.page, 1, task.dispatch, Failure("page_unreadable", retryable=False, counts_attempt=True))
    )
    hand_in(world, 1)
    assert len(world.queue.recognition) == 1


def test_a_report_of_an_earlier_version_teaches_nothing(world: World) -> None:
    hand_in(world, 3)
    report = world.report_of(world.queue.recognition.pop())
    world.apply(replace(report, configuration=None))
    hand_in(world, 3)
    assert len(world.queue.recognition) == 1


def test_a_page_admitted_while_nothing_was_remembered_teaches_nothing(world: World) -> None:
    world.configure(None)
    document_id = hand_in(world, 3)
    assert world.page(document_id).fingerprint is None
    world.configure("engine-1")
    read_all(world)
    hand_in(world, 3)
    assert len(world.queue.recognition) == 1


def test_without_a_cache_nothing_is_remembered_or_recalled(world: World) -> None:
    world.configure(None)
    hand_in(world, 1)
    assert len(world.queue.recognition) == 1
    off = World()
    off.configure("engine-1")
    hand_in(off, 1)
    read_all(off)
    assert off.records.tables.known_pages == {}


def test_intake_that_comes_again_recalls_once(world: World) -> None:
    world.opener.pages = [image_page(1)]
    receipt = world.receive(PNG, b"again")
    task = world.queue.intake.pop()
    world.admit(task)
    before = world.audit(receipt.document_id)
    world.admit(task)
    assert world.audit(receipt.document_id) == before
    assert len(world.recalls.told) == 1


def test_intake_that_died_before_its_commit_recalls_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.opener.pages = [image_page(1)]
    receipt = world.receive(PNG, b"died")
    task = world.queue.intake.pop()

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(world.admit, "_queue_pages", die)
        with pytest.raises(Killed):
            world.admit(task)
    assert world.recalls.told == []
    world.admit(task)
    assert world.document(receipt.document_id).state is DocumentState.COMPLETED
    assert len(world.recalls.told) == 1


def test_a_document_cancelled_meanwhile_takes_nothing_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.opener.pages = [image_page(1)]
    receipt = world.receive(PNG, b"cancelled")
    fingerprint = world.vault.fingerprint

    def cancel_first(client_id: ClientId, content: bytes) -> bytes:
        world.cancel(receipt.document_id, actor="test")
        return fingerprint(client_id, content)

    monkeypatch.setattr(world.vault, "fingerprint", cancel_first)
    world.admit(world.queue.intake.pop())
    assert world.document(receipt.document_id).state is DocumentState.CANCELLED
    assert world.recalls.told == []


def test_only_the_text_of_the_document_itself_is_kept(world: World) -> None:
    document_id = hand_in(world, 1)
    page = world.page(document_id)
    assert page.text is not None
    key = world.document(document_id).usable_key()
    assert b"first" in world.vault.open(key, Place.of(page.ref, Purpose.PAGE_TEXT), page.text)
