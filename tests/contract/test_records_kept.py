"""What is written to the records comes back as it was: every field of every kind, and the audit trail's chain."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_pipeline.domain import audit
from ocr_pipeline.domain.audit import AuditEntry, AuditKind, ChainHead
from ocr_pipeline.domain.documents import Document, DocumentKind, DocumentState, MediaType
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import ClientId, PageRef, ReviewId
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.review import Lease, Resolution, ReviewItem
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import (
    new_document,
    new_document_id,
    new_entry,
    new_page,
    put,
)
from tests.waiting import PATIENCE

# The audit trail


def test_a_chain_holds_after_a_round_trip(records: Records) -> None:
    document = new_document()
    details: dict[str, Any] = {
        "zero": 0,
        "one": 1.0,
        "tiny": 5e-324,
        "third": 1 / 3,
        "large": 10**30,
        "minus": -0.0,
        "yes": True,
        "none": None,
        "list": ["b", "a"],
        "half a pair": "\ud83d",
        "text": "처방전 \u0000 😀",
    }
    with records() as work:
        work.documents.add(document)
        written = [work.audit.append(new_entry(document.id, **{name: value})) for name, value in details.items()]
        written.append(work.audit.append(new_entry(document.id, **details)))
        work.commit()
    with records() as work:
        events, head = list(work.audit.events(document.id)), work.audit.head(document.id)
    assert events == written
    assert [repr(event.entry.details) for event in events] == [repr(event.entry.details) for event in written]
    assert head.sequence == len(written)
    assert audit.verify(document.id, events, head) is None


def test_a_long_chain_is_read_whole(records: Records) -> None:
    document = new_document()
    with records() as work:
        work.documents.add(document)
        for _ in range(501):
            work.audit.append(new_entry(document.id))
        work.commit()
    with records() as work:
        assert [event.sequence for event in work.audit.events(document.id)] == list(range(1, 502))


def test_chains_do_not_mix(records: Records) -> None:
    first, second, silent = new_document(), new_document(), new_document()
    put(records, second, first, silent)
    with records() as work:
        for document in (second, first, second):
            work.documents.lock(document.id)
            work.audit.append(new_entry(document.id))
        work.commit()
    with records() as work:
        assert list(work.audit.document_ids()) == [first.id, second.id, silent.id]
        assert [len(list(work.audit.events(document.id))) for document in (first, second, silent)] == [1, 2, 0]
        assert work.audit.head(silent.id) == ChainHead()
        with pytest.raises(NotFound):
            work.audit.head(new_document_id())


def test_one_chain_stays_whole_under_many_hands(records: Records) -> None:
    document = new_document()
    put(records, document)

    def write(writer: int) -> None:
        for number in range(5):
            with records() as work:
                work.documents.lock(document.id)
                work.audit.append(new_entry(document.id, writer=writer, number=number))
                work.commit()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write, writer) for writer in range(8)]:
            done.result(PATIENCE)
    with records() as work:
        events, head = list(work.audit.events(document.id)), work.audit.head(document.id)
    assert len(events) == 40
    assert audit.verify(document.id, events, head) is None


# Round trips

words = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=30)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
sealed = st.binary(max_size=100)
counters = st.integers(0, 2**31 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
probabilities = st.floats(0, 1)
reasons = st.lists(words, max_size=4).map(tuple)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


documents = st.builds(
    Document,
    id=st.builds(new_document_id),
    client_id=words.map(ClientId),
    priority=st.sampled_from(Priority),
    state=st.sampled_from(sorted(set(DocumentState) - {DocumentState.ERASED})),
    received_at=moments,
    updated_at=moments,
    size=st.integers(0, 2**63 - 1),
    fingerprint=sealed,
    media_type=st.sampled_from(MediaType),
    name=maybe(sealed),
    key=maybe(st.builds(WrappedKey, words, sealed)),
    reason=maybe(words),
    limit=maybe(words),
    page_count=maybe(counters),
    intake_attempts=counters,
    dispatched_at=maybe(moments),
    kind=st.sampled_from(DocumentKind),
    deadline=maybe(moments),
    reference=maybe(sealed),
    callback=maybe(sealed),
    fresh=st.booleans(),
)
page_fields = st.fixed_dictionaries(
    {
        "state": st.sampled_from(PageState),
        "updated_at": moments,
        "media_type": words,
        "width": counters,
        "height": counters,
        "dpi": maybe(finite),
        "attempt": counters,
        "dispatch": counters,
        "suspicions": counters,
        "quarantined": st.booleans(),
        "dispatched_at": maybe(moments),
        "not_before": maybe(moments),
        "reasons": reasons,
        "confidence": maybe(probabilities),
        "engine": maybe(words),
        "seconds": maybe(finite),
        "text": maybe(sealed),
        "text_layer": maybe(sealed),
        "fingerprint": maybe(st.binary(min_size=32, max_size=32)),
        "known": st.booleans(),
    }
)
review_fields = st.fixed_dictionaries(
    {
        "priority": st.sampled_from(Priority),
        "reasons": reasons,
        "confidence": maybe(probabilities),
        "opened_at": moments,
        "lease": maybe(st.builds(Lease, words, moments)),
        "resolution": maybe(st.sampled_from(Resolution)),
        "resolved_at": maybe(moments),
        "resolved_by": maybe(words),
        "cer": maybe(finite),
        "correction": maybe(sealed),
    }
)
detail_values = (
    st.text(max_size=20)
    | st.integers()
    | finite
    | st.booleans()
    | st.none()
    | st.lists(st.text(max_size=5), max_size=3)
)
entry_fields = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(AuditKind),
        "at": moments,
        "actor": words,
        "page": maybe(counters),
        "details": st.dictionaries(st.text(max_size=10), detail_values, max_size=4).map(
            lambda made: tuple(made.items())
        ),
    }
)
# All examples write to one database, each its own rows.
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@quick
@given(document=documents, changed=documents)
def test_documents_come_back_as_they_were(records: Records, document: Document, changed: Document) -> None:
    changed = replace(changed, id=document.id)
    put(records, document)
    with records() as work:
        assert work.documents.lock(document.id) == document
        work.documents.save(changed)
        work.commit()
    with records() as work:
        assert work.documents.get(document.id) == changed


@quick
@given(added=page_fields, changed=page_fields)
def test_pages_come_back_as_they_were(records: Records, added: dict[str, Any], changed: dict[str, Any]) -> None:
    document = new_document()
    ref = PageRef(document.id, 1)
    put(records, document, Page(ref=ref, **added))
    with records() as work:
        assert work.pages.get(ref) == Page(ref=ref, **added)
        work.documents.lock(document.id)
        work.pages.save(Page(ref=ref, **changed))
        work.commit()
    with records() as work:
        assert work.pages.of_document(document.id) == [Page(ref=ref, **changed)]


@quick
@given(added=review_fields, changed=review_fields)
def test_review_items_come_back_as_they_were(records: Records, added: dict[str, Any], changed: dict[str, Any]) -> None:
    document = new_document()
    page = new_page(document)
    review_id = ReviewId(uuid4())
    put(records, document, page, ReviewItem(id=review_id, page=page.ref, **added))
    with records() as work:
        assert work.reviews.get(review_id) == ReviewItem(id=review_id, page=page.ref, **added)
        work.documents.lock(document.id)
        work.reviews.save(ReviewItem(id=review_id, page=page.ref, **changed))
        work.commit()
    with records() as work:
        assert work.reviews.of_document(document.id) == [ReviewItem(id=review_id, page=page.ref, **changed)]


@quick
@given(entries=st.lists(entry_fields, min_size=1, max_size=4))
def test_audit_chains_come_back_whole(records: Records, entries: list[dict[str, Any]]) -> None:
    document = new_document()
    with records() as work:
        work.documents.add(document)
        written = [work.audit.append(AuditEntry(document_id=document.id, **fields)) for fields in entries]
        work.commit()
    with records() as work:
        events, head = list(work.audit.events(document.id)), work.audit.head(document.id)
    assert events == written
    assert audit.verify(document.id, events, head) is None
