"""What every implementation of the records promises of lists for clients: newest first, waiting pages, progress."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.documents import Document, DocumentKind, DocumentState
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.records import DocumentFilter, Progress, Records
from tests.postgres_fixtures import NOON, new_document, new_document_id, new_page, put

MINUTE = timedelta(minutes=1)
EVERYTHING = DocumentFilter()


# Newest first


@pytest.fixture
def arrived(records: Records) -> list[Document]:
    """Four documents that differ in all a filter knows, oldest first."""
    documents = [
        new_document(),
        replace(new_document(state=DocumentState.FAILED), kind=DocumentKind.CHART, received_at=NOON + MINUTE),
        replace(new_document(priority=Priority.BULK), received_at=NOON + 2 * MINUTE),
        replace(new_document(client_id="other"), kind=DocumentKind.PRESCRIPTION, received_at=NOON + 3 * MINUTE),
    ]
    put(records, *documents)
    return documents


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (DocumentFilter(), [3, 2, 1, 0]),
        (DocumentFilter(states=[DocumentState.QUEUED]), [3, 2, 0]),
        (DocumentFilter(states=[DocumentState.QUEUED, DocumentState.FAILED]), [3, 2, 1, 0]),
        (DocumentFilter(states=[DocumentState.ERASED]), []),
        (DocumentFilter(client_id=ClientId("clinic")), [2, 1, 0]),
        (DocumentFilter(client_id=ClientId("")), []),
        (DocumentFilter(kinds=[DocumentKind.CHART, DocumentKind.PRESCRIPTION]), [3, 1]),
        (DocumentFilter(priorities=[Priority.BULK]), [2]),
        (DocumentFilter(received_from=NOON + MINUTE), [3, 2, 1]),
        (DocumentFilter(received_before=NOON + MINUTE), [0]),
        (DocumentFilter(received_from=NOON + MINUTE, received_before=NOON + 3 * MINUTE), [2, 1]),
        (DocumentFilter(client_id=ClientId("clinic"), kinds=[DocumentKind.OTHER], priorities=[Priority.ROUTINE]), [0]),
    ],
)
def test_documents_that_pass_come_newest_first(
    records: Records, arrived: list[Document], wanted: DocumentFilter, places: list[int]
) -> None:
    with records() as work:
        assert work.documents.newest(wanted, limit=10) == [arrived[place] for place in places]


def test_the_list_goes_on_where_a_page_of_it_ended(records: Records, arrived: list[Document]) -> None:
    with records() as work:
        first = work.documents.newest(EVERYTHING, limit=3)
        rest = work.documents.newest(EVERYTHING, limit=3, before=first[-1].id)
        assert [*first, *rest] == arrived[::-1]
        assert work.documents.newest(EVERYTHING, limit=3, before=rest[-1].id) == []


# Waiting pages


def test_queued_pages_and_unopened_documents_wait(records: Records) -> None:
    unopened, opened, begun = (
        new_document(state=state) for state in (DocumentState.RECEIVED, DocumentState.QUEUED, DocumentState.PROCESSING)
    )
    put(
        records,
        unopened,
        opened,
        begun,
        new_page(opened, 1),
        new_page(opened, 2),
        new_page(begun, 1, state=PageState.ACCEPTED),
        new_page(begun, 2),
    )
    with records() as work:
        assert work.documents.waiting_pages(ClientId("clinic")) == 1 + 2 + 1


@pytest.mark.parametrize("state", sorted(set(DocumentState) - {DocumentState.QUEUED, DocumentState.PROCESSING}))
def test_pages_of_settled_documents_do_not_wait(records: Records, state: DocumentState) -> None:
    settled = new_document(state=state)
    put(records, settled, new_page(settled))
    with records() as work:
        assert work.documents.waiting_pages(ClientId("clinic")) == (1 if state is DocumentState.RECEIVED else 0)


def test_each_client_waits_for_its_own(records: Records) -> None:
    foreign = new_document(client_id="other")
    put(records, foreign, new_page(foreign), new_document(client_id="other", state=DocumentState.RECEIVED))
    with records() as work:
        assert work.documents.waiting_pages(ClientId("clinic")) == 0
        assert work.documents.waiting_pages(ClientId("other")) == 2


# Progress


def test_progress_names_every_state_of_a_page(records: Records) -> None:
    begun = replace(new_document(state=DocumentState.PROCESSING), updated_at=NOON + MINUTE)
    unopened, unasked = new_document(state=DocumentState.RECEIVED), new_document()
    states = [PageState.QUEUED, PageState.QUEUED, PageState.BLANK]
    put(
        records,
        begun,
        unopened,
        unasked,
        new_page(unasked),
        *(new_page(begun, number, state=state) for number, state in enumerate(states, 1)),
    )
    none = dict.fromkeys(PageState, 0)
    with records() as work:
        assert work.progress([unopened.id, new_document_id(), begun.id, begun.id]) == {
            begun.id: Progress(
                DocumentState.PROCESSING, NOON + MINUTE, none | {PageState.QUEUED: 2, PageState.BLANK: 1}
            ),
            unopened.id: Progress(DocumentState.RECEIVED, NOON, none),
        }
        assert work.progress([]) == {}


def test_progress_of_very_many_documents(records: Records) -> None:
    """More than a statement may have parameters."""
    document = new_document()
    put(records, document, new_page(document))
    with records() as work:
        found = work.progress([document.id, *(new_document_id() for _ in range(70_000))])
    assert list(found) == [document.id]
