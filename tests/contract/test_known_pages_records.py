"""What every implementation of the records promises of pages read before."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import ClientId, PageRef
from ocr_pipeline.domain.pages import Page
from ocr_pipeline.ports.known_pages import KnownPage
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON, new_document, new_page, put
from tests.waiting import PATIENCE

SECOND = timedelta(seconds=1)
CLINIC, OTHER = ClientId("clinic"), ClientId("other")
IMAGE, ANOTHER = bytes(32), bytes(range(32))


@pytest.fixture
def document(records: Records) -> Document:
    """A document of two pages."""
    made = new_document()
    put(records, made, new_page(made, 1), new_page(made, 2))
    return made


def known(document: Document, number: int = 1, *, fingerprint: bytes = IMAGE) -> KnownPage:
    return KnownPage(document.client_id, fingerprint, "engine-1", PageRef(document.id, number), NOON)


def add(records: Records, *pages: KnownPage) -> None:
    with records() as work:
        for page in pages:
            work.known_pages.add(page)
        work.commit()


def test_a_page_is_found_by_client_image_and_configuration(records: Records, document: Document) -> None:
    add(records, known(document, 2))
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") == PageRef(document.id, 2)
        assert work.known_pages.find(OTHER, IMAGE, "engine-1") is None
        assert work.known_pages.find(CLINIC, ANOTHER, "engine-1") is None
        assert work.known_pages.find(CLINIC, IMAGE, "engine-2") is None


def test_clients_and_configurations_do_not_mix(records: Records, document: Document) -> None:
    foreign = new_document(client_id="other")
    put(records, foreign, new_page(foreign))
    add(records, known(document, 1), known(foreign, 1), replace(known(document, 2), configuration="engine-2"))
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") == PageRef(document.id, 1)
        assert work.known_pages.find(OTHER, IMAGE, "engine-1") == PageRef(foreign.id, 1)
        assert work.known_pages.find(CLINIC, IMAGE, "engine-2") == PageRef(document.id, 2)


def test_the_newest_reading_counts(records: Records, document: Document) -> None:
    add(records, known(document, 1), replace(known(document, 2), at=NOON + SECOND))
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") == PageRef(document.id, 2)
        assert work.known_pages.forget_before(NOON + SECOND) == 0
    add(records, known(document, 1))
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") == PageRef(document.id, 1)
        assert work.known_pages.forget_before(NOON + SECOND) == 1


def test_the_same_image_read_twice_at_once_is_known_once(records: Records, document: Document) -> None:
    together = threading.Barrier(4)

    def learn(number: int) -> None:
        with records() as work:
            together.wait(PATIENCE)
            work.known_pages.add(known(document, number))
            work.commit()

    with ThreadPoolExecutor(4) as pool:
        for learnt in [pool.submit(learn, number) for number in (1, 2, 1, 2)]:
            learnt.result(PATIENCE)
    with records() as work:
        assert work.known_pages.forget(document.id) == 1


def test_a_known_page_has_a_row(records: Records, document: Document) -> None:
    with records() as work:
        with pytest.raises(IntegrityError):
            work.known_pages.add(known(document, 3))
        work.known_pages.add(known(document))
        work.commit()


def test_a_document_is_forgotten_whole(records: Records, document: Document) -> None:
    other = new_document()
    put(records, other, new_page(other))
    add(records, known(document, 1), known(document, 2, fingerprint=ANOTHER), known(other, fingerprint=b"x" * 32))
    with records() as work:
        assert work.known_pages.forget(document.id) == 2
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") is None
        assert work.known_pages.forget(document.id) == 0
        work.commit()
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") is None
        assert work.known_pages.find(CLINIC, b"x" * 32, "engine-1") == PageRef(other.id, 1)
    add(records, known(other))
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") == PageRef(other.id, 1)


def test_what_is_older_is_forgotten(records: Records, document: Document) -> None:
    add(records, known(document), replace(known(document, 2, fingerprint=ANOTHER), at=NOON + SECOND))
    with records() as work:
        assert work.known_pages.forget_before(NOON) == 0
        assert work.known_pages.forget_before(NOON + SECOND) == 1
        work.commit()
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") is None
        assert work.known_pages.find(CLINIC, ANOTHER, "engine-1") == PageRef(document.id, 2)


def test_a_page_may_be_learnt_while_its_document_is_held(records: Records, document: Document) -> None:
    page: Page
    with records() as work:
        work.documents.lock(document.id)
        page = work.pages.get(PageRef(document.id, 1))
        work.pages.save(replace(page, attempt=1))
        with records() as other:
            other.known_pages.add(known(document))
            other.commit()
        work.commit()
    with records() as work:
        assert work.known_pages.find(CLINIC, IMAGE, "engine-1") == page.ref
