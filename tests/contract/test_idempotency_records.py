"""What every implementation of the records promises of idempotency keys."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import Conflict, DatabaseUnavailable, IntegrityError
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.ports.idempotency import Remembered
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON, OpenRecords, new_document, new_document_id, put
from tests.waiting import PATIENCE

SECOND = timedelta(seconds=1)


def request(
    document: Document, key: str = "key", *, client_id: str = "clinic", digest: bytes = bytes(32)
) -> Remembered:
    return Remembered(ClientId(client_id), key, digest, document.id, NOON)


@pytest.fixture
def document(records: Records) -> Document:
    """A document that requests may have become."""
    made = new_document()
    put(records, made)
    return made


def test_what_is_remembered_is_found(records: Records, document: Document) -> None:
    made = request(document, "열쇠 1", digest=bytes(range(32)))
    with records() as work:
        assert work.idempotency.find(made.client_id, made.key) is None
        work.idempotency.remember(made)
        work.commit()
    with records() as work:
        assert work.idempotency.find(made.client_id, made.key) == made
        assert work.idempotency.find(made.client_id, "another") is None


def test_a_request_is_remembered_with_its_document(records: Records) -> None:
    document = new_document()
    with records() as work:
        work.documents.add(document)
        work.idempotency.remember(request(document))
    with records() as work:
        assert work.idempotency.find(ClientId("clinic"), "key") is None
        with pytest.raises(IntegrityError):
            work.idempotency.remember(request(document))


def test_each_client_has_keys_of_its_own(records: Records, document: Document) -> None:
    ours, theirs = request(document), request(document, client_id="other", digest=b"x" * 32)
    with records() as work:
        work.idempotency.remember(ours)
        work.idempotency.remember(theirs)
        assert work.idempotency.find(ClientId("clinic"), "key") == ours
        assert work.idempotency.find(ClientId("other"), "key") == theirs


def test_a_key_is_taken_once(records: Records, document: Document) -> None:
    with records() as work:
        work.idempotency.remember(request(document))
        with pytest.raises(Conflict):
            work.idempotency.remember(request(document, digest=b"x" * 32))
        work.commit()
    with records() as work:
        assert work.idempotency.find(ClientId("clinic"), "key") == request(document)


def test_what_is_older_is_forgotten(records: Records, document: Document) -> None:
    old, new = request(document, "old"), replace(request(document, "new"), at=NOON + SECOND)
    with records() as work:
        work.idempotency.remember(old)
        work.idempotency.remember(new)
        work.commit()
    with records() as work:
        assert work.idempotency.forget(NOON) == 0
        assert work.idempotency.forget(NOON + SECOND) == 1
        assert work.idempotency.forget(NOON + SECOND) == 0
        work.commit()
    with records() as work:
        assert work.idempotency.find(old.client_id, "old") is None
        assert work.idempotency.find(new.client_id, "new") == new
        work.idempotency.remember(old)


def test_forgetting_is_undone_without_commit(records: Records, document: Document) -> None:
    with records() as work:
        work.idempotency.remember(request(document))
        work.commit()
    with records() as work:
        assert work.idempotency.forget(NOON + SECOND) == 1
    with records() as work:
        assert work.idempotency.find(ClientId("clinic"), "key") == request(document)


def test_a_key_is_held_until_the_end(open_records: OpenRecords) -> None:
    records = open_records(lock_timeout=0.2)
    clinic, other = ClientId("clinic"), ClientId("other")
    with records() as work:
        assert work.idempotency.find(clinic, "key") is None
        with records() as second:
            assert second.idempotency.find(clinic, "another") is None
            assert second.idempotency.find(other, "key") is None
            assert second.documents.find_duplicate(clinic, b"key") is None
        with records() as second, pytest.raises(DatabaseUnavailable):
            second.idempotency.find(clinic, "key")
    with records() as second:
        assert second.idempotency.find(clinic, "key") is None


def test_equal_requests_at_once_become_one_document(records: Records) -> None:
    together = threading.Barrier(4)

    def ask() -> DocumentId:
        document = new_document()
        with records() as work:
            together.wait(PATIENCE)
            known = work.idempotency.find(ClientId("clinic"), "key")
            if known is not None:
                return known.document_id
            work.documents.add(document)
            work.idempotency.remember(request(document))
            work.commit()
            return document.id

    with ThreadPoolExecutor(4) as pool:
        ids = {asked.result(PATIENCE) for asked in [pool.submit(ask) for _ in range(4)]}
    with records() as work:
        assert [document.id for document in work.documents.find()] == list(ids)


def test_the_next_sees_what_its_holder_left(records: Records) -> None:
    document = new_document(client_id="clinic")
    waiting = threading.Event()

    def find_later() -> Remembered | None:
        with records() as work:
            waiting.set()
            return work.idempotency.find(ClientId("clinic"), "key")

    with ThreadPoolExecutor(1) as pool, records() as work:
        assert work.idempotency.find(ClientId("clinic"), "key") is None
        found = pool.submit(find_later)
        assert waiting.wait(PATIENCE)
        work.documents.add(document)
        work.idempotency.remember(request(document))
        work.commit()
        assert found.result(PATIENCE) == request(document)


def test_a_request_needs_its_document(records: Records) -> None:
    with records() as work, pytest.raises(IntegrityError):
        work.idempotency.remember(replace(request(new_document()), document_id=new_document_id()))
