"""What every implementation of the records promises of pages and their reviews."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import Conflict, IntegrityError, NotFound
from ocr_pipeline.domain.ids import PageRef
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import Lease, Resolution
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import (
    NOON,
    new_document,
    new_document_id,
    new_page,
    new_review,
    put,
)

MINUTE = timedelta(minutes=1)


# Pages


def test_pages_come_in_order_of_their_numbers(records: Records) -> None:
    document, other = new_document(), new_document()
    second, first = new_page(document, 2, state=PageState.BLANK), new_page(document, 1)
    put(records, document, other, second, first, new_page(other))
    with records() as work:
        assert work.pages.of_document(document.id) == [first, second]
        assert work.pages.states(document.id) == [PageState.QUEUED, PageState.BLANK]
        assert work.pages.get(second.ref) == second
        with pytest.raises(NotFound):
            work.pages.get(PageRef(document.id, 3))


def test_pages_are_added_all_or_none(records: Records) -> None:
    document = new_document()
    put(records, document, new_page(document, 2))
    with records() as work:
        work.documents.lock(document.id)
        with pytest.raises(Conflict):
            work.pages.add([new_page(document, 1), new_page(document, 2)])
        work.pages.add([])
        work.commit()
        assert [page.ref.number for page in work.pages.of_document(document.id)] == [2]


def test_only_known_pages_are_saved(records: Records) -> None:
    document = new_document()
    put(records, document)
    with records() as work:
        work.documents.lock(document.id)
        with pytest.raises(NotFound):
            work.pages.save(new_page(document))


@pytest.mark.parametrize(
    ("dispatched", "not_before", "due"),
    [
        (None, None, True),
        (None, 0, True),
        (None, 1, False),
        (-11, None, True),
        (-10, None, False),
        (-5, None, False),
        (-5, -6, False),
        (-5, -4, True),
        (-5, 1, False),
        (-11, 1, False),
    ],
    ids=str,
)
def test_a_page_is_due(records: Records, dispatched: int | None, not_before: int | None, due: bool) -> None:
    """Minutes from now; messages older than ten minutes count as lost."""
    document = new_document()
    page = new_page(
        document,
        dispatched_at=None if dispatched is None else NOON + dispatched * MINUTE,
        not_before=None if not_before is None else NOON + not_before * MINUTE,
    )
    put(records, document, page)
    with records() as work:
        found = work.pages.due(now=NOON, dispatched_before=NOON - 10 * MINUTE, limit=10)
    assert found == ([page.ref] if due else [])


def test_due_pages_come_most_urgent_and_oldest_first(records: Records) -> None:
    bulk, old, new = new_document(priority=Priority.BULK), new_document(), new_document()
    urgent = new_document(priority=Priority.URGENT)
    pages = [new_page(urgent), new_page(old, 1), new_page(old, 2), new_page(new), new_page(bulk)]
    put(records, new, bulk, urgent, old, *reversed(pages))
    with records() as work:
        assert work.pages.due(now=NOON, dispatched_before=NOON, limit=10) == [page.ref for page in pages]
        assert work.pages.due(now=NOON, dispatched_before=NOON, limit=2) == [page.ref for page in pages[:2]]


def test_only_queued_pages_of_live_documents_are_due(records: Records) -> None:
    documents = [new_document(state=state) for state in DocumentState]
    live = {document.id for document in documents if document.state in {DocumentState.QUEUED, DocumentState.PROCESSING}}
    pages = [
        new_page(document, number, state=state) for document in documents for number, state in enumerate(PageState, 1)
    ]
    put(records, *documents, *pages)
    with records() as work:
        due = work.pages.due(now=NOON, dispatched_before=NOON, limit=100)
    assert {(ref.document_id, ref.number) for ref in due} == {(document_id, 1) for document_id in live}


# Reviews


def test_open_items_come_most_urgent_then_oldest_first(records: Records) -> None:
    document = new_document()
    pages = [new_page(document, number, state=PageState.IN_REVIEW) for number in range(1, 5)]
    late, early = new_review(pages[0], minutes=2), new_review(pages[1], minutes=1)
    urgent = new_review(pages[2], priority=Priority.URGENT, minutes=3)
    resolved = replace(new_review(pages[3]), resolution=Resolution.CONFIRMED)
    put(records, document, *pages, late, early, urgent, resolved)
    with records() as work:
        assert work.reviews.open_items() == [urgent, early, late]
        assert work.reviews.open_items(limit=1) == [urgent]
        assert work.reviews.of_document(document.id) == [late, early, urgent, resolved]
        assert work.reviews.of_document(new_document_id()) == []


def test_a_lease_holds_an_item_until_it_expires(records: Records) -> None:
    document = new_document()
    page = new_page(document)
    item = replace(new_review(page), lease=Lease("reader", NOON + MINUTE))
    put(records, document, page, item)
    with records() as work:
        assert work.reviews.open_items(claimable_at=NOON) == []
        assert work.reviews.open_items(claimable_at=NOON + MINUTE) == [item]
        assert work.reviews.open_items() == [item]


def test_a_page_waits_for_a_person_once_at_a_time(records: Records) -> None:
    document = new_document()
    page = new_page(document)
    item = new_review(page)
    put(records, document, page, item)
    with records() as work:
        work.documents.lock(document.id)
        for again in (new_review(page), replace(item, resolution=Resolution.CONFIRMED)):
            with pytest.raises(Conflict):
                work.reviews.add(again)
        work.reviews.save(replace(item, resolution=Resolution.CONFIRMED))
        work.reviews.add(new_review(page))
        work.commit()


def test_items_belong_to_known_pages(records: Records) -> None:
    document = new_document()
    item = new_review(new_page(document))
    put(records, document)
    with records() as work:
        work.documents.lock(document.id)
        with pytest.raises(IntegrityError):
            work.reviews.add(item)
        with pytest.raises(NotFound):
            work.reviews.save(item)
        with pytest.raises(NotFound):
            work.reviews.get(item.id)
