"""What every implementation of the records promises of the data keys of all kinds of owners."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.sealing import KeyOwner, KeyOwnerKind, WrappedKey
from ocr_pipeline.domain.triggers import EventId, HeldEvent, Listing
from ocr_pipeline.ports.data_keys import KeyTally
from ocr_pipeline.ports.records import Records
from tests.bulk_factory import new_run, put_run
from tests.postgres_fixtures import NOON, new_document, put

OLD = WrappedKey("key-1", b"wrapped")
NEW = WrappedKey("key-2", b"wrapped anew")


def new_owner(records: Records, kind: KeyOwnerKind) -> KeyOwner:
    """Something of that kind, its key wrapped under the old one."""
    match kind:
        case KeyOwnerKind.DOCUMENT:
            document = new_document()
            put(records, document)
            return KeyOwner(kind, document.id)
        case KeyOwnerKind.BULK_RUN:
            run = new_run()
            put_run(records, run)
            return KeyOwner(kind, run.id)
        case KeyOwnerKind.HELD_EVENT:
            event = HeldEvent(EventId(uuid4()), "minio", NOON, NOON, 7, OLD, b"sealed")
            with records() as work:
                work.held_events.put(event)
                work.commit()
            return KeyOwner(kind, event.id)
        case KeyOwnerKind.LISTING:
            listing = Listing(uuid4(), "bucket", f"{uuid4()}/", OLD, not_before=NOON)
            with records() as work:
                work.listings.ensure(listing)
                work.commit()
            return KeyOwner(kind, listing.id)


@pytest.fixture(params=list(KeyOwnerKind))
def kind(request: pytest.FixtureRequest) -> KeyOwnerKind:
    """Each kind of owner in turn."""
    wanted: KeyOwnerKind = request.param
    return wanted


def test_a_key_is_found_replaced_and_found_no_more(records: Records, kind: KeyOwnerKind) -> None:
    owner = new_owner(records, kind)
    with records() as work:
        assert work.data_keys.tally() == [KeyTally(kind, "key-1", 1)]
        assert work.data_keys.wrapped_otherwise(kind, "key-2") == [owner]
        assert work.data_keys.lock(owner) == OLD
        work.data_keys.save(owner, NEW)
        work.commit()
    with records() as work:
        assert work.data_keys.tally() == [KeyTally(kind, "key-2", 1)]
        assert work.data_keys.wrapped_otherwise(kind, "key-2") == []
        assert work.data_keys.lock(owner) == NEW


def test_owners_come_in_order_page_by_page(records: Records, kind: KeyOwnerKind) -> None:
    owners = sorted((new_owner(records, kind) for _ in range(5)), key=lambda owner: owner.id)
    found: list[KeyOwner] = []
    after: UUID | None = None
    with records() as work:
        while page := work.data_keys.wrapped_otherwise(kind, "key-2", after=after, limit=2):
            found += page
            after = page[-1].id
    assert found == owners


def test_what_is_not_there_has_no_key(records: Records, kind: KeyOwnerKind) -> None:
    with records() as work:
        assert work.data_keys.lock(KeyOwner(kind, uuid4())) is None


def test_an_erased_document_has_no_key(records: Records) -> None:
    erased = new_document(state=DocumentState.ERASED)
    put(records, erased)
    with records() as work:
        assert work.data_keys.tally() == []
        assert work.data_keys.wrapped_otherwise(KeyOwnerKind.DOCUMENT, "key-2") == []
        assert work.data_keys.lock(KeyOwner(KeyOwnerKind.DOCUMENT, erased.id)) is None


def test_the_key_of_a_document_changes_only_under_its_lock(records: Records) -> None:
    owner = new_owner(records, KeyOwnerKind.DOCUMENT)
    with records() as work, pytest.raises(IntegrityError):
        work.data_keys.save(owner, NEW)
