from __future__ import annotations

from collections.abc import Iterator

import pytest

from ocr_pipeline.domain.audit import AuditKind
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import Refused, StoreUnavailable
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.documents import OpenedPage
from tests.unit.world import World, image_page


def test_a_document_becomes_queued_pages() -> None:
    world = World()
    document_id = world.queued(pages=3)
    assert world.document(document_id).state is DocumentState.QUEUED
    assert world.document(document_id).page_count == 3
    assert world.states(document_id) == [PageState.QUEUED] * 3
    assert [task.page.number for task in world.queue.recognition] == [1, 2, 3]
    assert len(list(world.store.keys(f"documents/{document_id}/pages/"))) == 3


def test_a_redelivered_intake_message_changes_nothing() -> None:
    world = World()
    receipt = world.upload()
    task = world.queue.intake.pop()
    world.admit(task)
    before = world.audit(receipt.document_id)
    world.admit(task)
    assert world.audit(receipt.document_id) == before
    assert len(world.queue.recognition) == 1


def test_a_refusal_keeps_its_reason_and_no_page() -> None:
    world = World()
    receipt = world.upload()
    world.opener.error = Refused("too_many_pages", "the file has 5000 pages", limit="max_pages=20")
    world.admit(world.queue.intake.pop())
    document = world.document(receipt.document_id)
    assert (document.state, document.reason, document.limit) == (
        DocumentState.REJECTED,
        "too_many_pages",
        "max_pages=20",
    )
    assert world.audit(receipt.document_id)[-1] is AuditKind.DOCUMENT_REJECTED
    assert list(world.store.keys(f"documents/{receipt.document_id}/pages/")) == []


def test_a_page_without_an_image_goes_to_a_person_and_the_rest_goes_on() -> None:
    world = World()
    receipt = world.upload()
    world.opener.pages = [image_page(1), image_page(2, problem="blank_render")]
    world.admit(world.queue.intake.pop())
    assert world.states(receipt.document_id) == [PageState.QUEUED, PageState.IN_REVIEW]
    assert world.document(receipt.document_id).state is DocumentState.PROCESSING
    assert [item.reasons for item in world.desk.waiting()] == [("blank_render",)]


def test_without_review_a_page_without_an_image_has_failed() -> None:
    world = World(review=False)
    receipt = world.upload()
    world.opener.pages = [image_page(1), image_page(2, problem="not_rendered")]
    world.admit(world.queue.intake.pop())
    assert world.states(receipt.document_id) == [PageState.QUEUED, PageState.FAILED]


@pytest.mark.parametrize("pages", [[], [image_page(1, problem="blank_render")]])
def test_a_document_without_any_image_is_refused(pages: list) -> None:  # type: ignore[type-arg]
    world = World()
    receipt = world.upload()
    world.opener.pages = pages
    world.admit(world.queue.intake.pop())
    assert world.document(receipt.document_id).state is DocumentState.REJECTED


def test_an_outage_costs_no_attempt() -> None:
    world = World()
    receipt = world.upload()
    task = world.queue.intake.pop()
    world.opener.error = StoreUnavailable("down")
    for _try in range(10):
        with pytest.raises(StoreUnavailable):
            world.admit(task)
    world.opener.error = None
    world.admit(task)
    assert world.document(receipt.document_id).state is DocumentState.QUEUED


def test_a_document_that_kills_its_intake_is_refused_in_the_end() -> None:
    world = World()
    receipt = world.upload()
    task = world.queue.intake.pop()

    class Killed(BaseException):
        pass

    world.opener.error = Killed()  # type: ignore[assignment]
    for _try in range(3):
        with pytest.raises(Killed):
            world.admit(task)
    world.admit(task)
    assert world.document(receipt.document_id).reason == "intake_failed"


@pytest.mark.parametrize("withdraw", ["cancel", "erase"])
def test_a_document_withdrawn_while_it_is_opened_leaves_no_image(withdraw: str) -> None:
    world = World()
    receipt = world.upload()

    class Withdrawing(list[OpenedPage]):
        def __iter__(self) -> Iterator[OpenedPage]:
            yield image_page(1)
            getattr(world, withdraw)(receipt.document_id, actor="test")
            yield image_page(2)

    world.opener.pages = Withdrawing()
    world.admit(world.queue.intake.pop())
    assert world.states(receipt.document_id) == []
    assert list(world.store.keys(f"documents/{receipt.document_id}/pages/")) == []


def test_a_late_second_opening_of_a_cancelled_document_keeps_the_images_of_the_first() -> None:
    world = World()
    receipt = world.upload()
    task = world.queue.intake.pop()

    class Overtaken(list[OpenedPage]):
        def __iter__(self) -> Iterator[OpenedPage]:
            world.opener.pages = [image_page(1)]
            world.admit(task)
            world.cancel(receipt.document_id, actor="test")
            yield image_page(1)

    world.opener.pages = Overtaken()
    world.admit(task)
    assert world.states(receipt.document_id) == [PageState.QUEUED]
    assert len(list(world.store.keys(f"documents/{receipt.document_id}/pages/"))) == 1
