"""What every implementation of the records promises of units of work, locks and documents."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.domain.audit import ChainHead
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import Conflict, DatabaseUnavailable, IntegrityError, NotFound
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import Resolution
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import (
    NOON,
    OpenRecords,
    new_document,
    new_document_id,
    new_entry,
    new_page,
    new_review,
    put,
)
from tests.waiting import PATIENCE

MINUTE = timedelta(minutes=1)


def test_check_passes(records: Records) -> None:
    records.check()


# The unit of work


def test_nothing_remains_without_commit(records: Records) -> None:
    document = new_document()
    with records() as work:
        work.documents.add(document)
        work.pages.add([new_page(document)])
        work.audit.append(new_entry(document.id))
        assert work.documents.get(document.id) == document
    with records() as work:
        assert work.documents.find() == []
        assert work.pages.of_document(document.id) == []
        assert list(work.audit.events(document.id)) == []


def test_an_exception_undoes_everything(records: Records) -> None:
    document = new_document()
    put(records, document)

    def fail_halfway() -> None:
        with records() as work:
            work.documents.lock(document.id)
            work.documents.save(replace(document, state=DocumentState.PROCESSING))
            work.audit.append(new_entry(document.id))
            raise LookupError

    with pytest.raises(LookupError):
        fail_halfway()
    with records() as work:
        assert work.documents.get(document.id) == document
        assert work.audit.head(document.id) == ChainHead()


def test_commit_keeps_what_came_before_it_only(records: Records) -> None:
    first, second = new_document(), new_document()
    with records() as work:
        work.documents.add(first)
        work.commit()
        work.documents.add(second)
    with records() as work:
        assert work.documents.find() == [first]


def test_others_see_nothing_before_commit(records: Records) -> None:
    document = new_document()
    with records() as work, records() as other:
        work.documents.add(document)
        assert other.documents.find() == []
        work.commit()
        assert other.documents.find() == [document]


def test_a_unit_of_work_is_used_inside_its_block_only(records: Records) -> None:
    work = records()
    with pytest.raises(RuntimeError):
        work.documents.find()
    with work:
        assert work.documents.find() == []
    with pytest.raises(RuntimeError):
        work.commit()


# Locks


def test_a_lock_keeps_others_out_until_the_end(open_records: OpenRecords) -> None:
    records = open_records(lock_timeout=0.2)
    document = new_document()
    put(records, document)
    with records() as work:
        work.documents.lock(document.id)
        with records() as other, pytest.raises(DatabaseUnavailable):
            other.documents.lock(document.id)
    with records() as other:
        assert other.documents.lock(document.id) == document


def test_a_lock_shows_what_its_last_holder_left(records: Records) -> None:
    document = new_document()
    put(records, document)
    waiting = threading.Event()

    def lock_later() -> Document:
        with records() as work:
            waiting.set()
            return work.documents.lock(document.id)

    with ThreadPoolExecutor(1) as pool, records() as work:
        work.documents.lock(document.id)
        seen = pool.submit(lock_later)
        assert waiting.wait(PATIENCE)
        changed = replace(document, state=DocumentState.PROCESSING)
        work.documents.save(changed)
        work.commit()
        assert seen.result(PATIENCE) == changed


def test_what_is_not_held_cannot_change(records: Records) -> None:
    document = new_document()
    page = new_page(document)
    item = new_review(page)
    put(records, document, page, item)
    with records() as work:
        for change in (
            lambda: work.documents.save(document),
            lambda: work.pages.add([new_page(document, 2)]),
            lambda: work.pages.save(page),
            lambda: work.reviews.add(new_review(page)),
            lambda: work.reviews.save(item),
            lambda: work.audit.append(new_entry(document.id)),
        ):
            with pytest.raises(IntegrityError):
                change()
        work.documents.lock(document.id)
        work.pages.save(page)
        work.commit()
        with pytest.raises(IntegrityError):
            work.pages.save(page)


# Documents


def test_unknown_documents_are_not_found(records: Records) -> None:
    with records() as work:
        with pytest.raises(NotFound):
            work.documents.get(new_document_id())
        with pytest.raises(NotFound):
            work.documents.lock(new_document_id())


def test_an_id_is_taken_once(records: Records) -> None:
    document = new_document()
    put(records, document)
    with records() as work:
        with pytest.raises(Conflict):
            work.documents.add(replace(document, client_id=ClientId("other")))
        assert work.documents.get(document.id) == document


def test_saving_a_document_leaves_its_chain(records: Records) -> None:
    document = new_document()
    with records() as work:
        work.documents.add(document)
        work.audit.append(new_entry(document.id))
        head = work.audit.head(document.id)
        work.documents.save(replace(document, page_count=3))
        assert work.audit.head(document.id) == head
        work.commit()


def test_documents_are_found_in_order_of_arrival(records: Records) -> None:
    queued, failed, foreign = (
        new_document(),
        new_document(state=DocumentState.FAILED),
        new_document(client_id="other"),
    )
    put(records, foreign, failed, queued)
    with records() as work:
        find = work.documents.find
        assert find() == [queued, failed, foreign]
        assert find(states=[DocumentState.QUEUED]) == [queued, foreign]
        assert find(states=[DocumentState.QUEUED, DocumentState.FAILED]) == [queued, failed, foreign]
        assert find(client_id=ClientId("clinic")) == [queued, failed]
        assert find(after=queued.id) == [failed, foreign]
        assert find(limit=2) == [queued, failed]
        assert find(states=[DocumentState.ERASED]) == []


def test_a_duplicate_is_the_newest_live_document_of_the_client(records: Records) -> None:
    older, newer = new_document(fingerprint=b"same"), new_document(fingerprint=b"same", state=DocumentState.REJECTED)
    put(
        records,
        newer,
        older,
        new_document(fingerprint=b"same", client_id="other"),
        new_document(fingerprint=b"same", state=DocumentState.CANCELLED),
        new_document(fingerprint=b"same", state=DocumentState.ERASED),
    )
    with records() as work:
        assert work.documents.find_duplicate(ClientId("clinic"), b"same") == newer
        assert work.documents.find_duplicate(ClientId("clinic"), b"other") is None
        assert work.documents.find_duplicate(ClientId("nobody"), b"same") is None


def test_equal_uploads_at_once_become_one_document(records: Records) -> None:
    together = threading.Barrier(4)

    def upload() -> DocumentId:
        document = new_document(fingerprint=b"same")
        with records() as work:
            together.wait(PATIENCE)
            known = work.documents.find_duplicate(document.client_id, document.fingerprint)
            if known is not None:
                return known.id
            work.documents.add(document)
            work.commit()
            return document.id

    with ThreadPoolExecutor(4) as pool:
        ids = {upload.result(PATIENCE) for upload in [pool.submit(upload) for _ in range(4)]}
    with records() as work:
        assert [document.id for document in work.documents.find()] == list(ids)


def test_stalled_documents_wait_for_a_message(records: Records) -> None:
    received = DocumentState.RECEIVED
    bulk = new_document(state=received, priority=Priority.BULK)
    never = new_document(state=received)
    long_ago = new_document(state=received, dispatched_at=NOON - MINUTE)
    put(
        records,
        bulk,
        never,
        long_ago,
        new_document(state=received, dispatched_at=NOON),
        new_document(state=DocumentState.QUEUED),
    )
    with records() as work:
        assert work.documents.stalled(dispatched_before=NOON, limit=10) == [never.id, long_ago.id, bulk.id]
        assert work.documents.stalled(dispatched_before=NOON, limit=1) == [never.id]


# Counts


def test_counts_name_every_state(records: Records) -> None:
    first, second = new_document(state=DocumentState.NEEDS_REVIEW), new_document()
    in_review, blank = new_page(first, 1, state=PageState.IN_REVIEW), new_page(first, 2, state=PageState.BLANK)
    resolved = replace(new_review(blank), resolution=Resolution.CONFIRMED)
    put(records, first, second, in_review, blank, new_page(second), new_review(in_review), resolved)
    with records() as work:
        everything, one, none = (
            work.counts(),
            work.counts(document_ids=[first.id]),
            work.counts(document_ids=[]),
        )
    assert {state: many for state, many in everything.documents.items() if many} == {
        DocumentState.NEEDS_REVIEW: 1,
        DocumentState.QUEUED: 1,
    }
    assert everything.pages[PageState.QUEUED] == everything.pages[PageState.BLANK] == 1
    assert everything.open_reviews == one.open_reviews == 1
    assert sum(one.documents.values()) == 1
    assert sum(one.pages.values()) == 2
    assert none.open_reviews == sum(none.documents.values()) == sum(none.pages.values()) == 0
    assert set(none.documents) == set(DocumentState)
    assert set(none.pages) == set(PageState)


def test_memory_can_be_switched_off() -> None:
    records = MemoryRecords()
    records.available = False
    with pytest.raises(DatabaseUnavailable):
        records.check()
    with pytest.raises(DatabaseUnavailable), records():
        pass
