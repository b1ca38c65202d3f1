"""What every implementation of the records promises of source objects, held events and listings."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import DatabaseUnavailable, IntegrityError, NotFound
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.domain.triggers import (
    EventId,
    HeldEvent,
    Listing,
    OutputProblem,
    ParkReason,
    SourceObject,
)
from ocr_pipeline.ports.records import Records
from tests.postgres_fixtures import NOON, OpenRecords, new_document, put

CLIENT = ClientId("clinic")
KEY = WrappedKey("key-1", b"wrapped")
MINUTE = timedelta(minutes=1)


def new_object(document: Document | None, **changes: object) -> SourceObject:
    made = SourceObject(
        client_id=CLIENT,
        address=os.urandom(32),
        etag=os.urandom(32),
        modified_at=NOON,
        taken_at=NOON,
        document_id=None if document is None else document.id,
        reason="too_large" if document is None else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def new_event(*, minutes: int = 0, reason: ParkReason | None = None) -> HeldEvent:
    return HeldEvent(
        EventId(uuid4()), "minio", NOON + minutes * MINUTE, NOON + minutes * MINUTE, 7, KEY, b"sealed", reason=reason
    )


def keep(records: Records, *rows: SourceObject | HeldEvent) -> None:
    with records() as work:
        for row in rows:
            if isinstance(row, SourceObject):
                work.source_objects.put(row)
            else:
                work.held_events.put(row)
        work.commit()


def the_object(records: Records, row: SourceObject) -> SourceObject | None:
    with records() as work:
        return work.source_objects.find(row.client_id, row.address)


# Source objects


@pytest.fixture
def document(records: Records) -> Document:
    made = new_document(state=DocumentState.COMPLETED)
    put(records, made)
    return made


def test_an_object_is_kept_and_changed_whole(records: Records, document: Document) -> None:
    row = new_object(document)
    keep(records, row)
    assert the_object(records, row) == row
    changed = replace(
        row,
        etag=os.urandom(32),
        modified_at=NOON + MINUTE,
        taken_at=NOON + MINUTE,
        version="v2",
        sequencer="0A",
        sealed=b"sealed",
        reason="none",
        output_due=NOON,
        awaits_end=True,
        output_attempts=3,
        output_at=NOON + MINUTE,
        output_problem=OutputProblem.UNAVAILABLE,
    )
    keep(records, changed)
    assert the_object(records, row) == changed
    assert the_object(records, replace(row, client_id=ClientId("other"))) is None


def test_an_object_is_nothing_without_its_document(records: Records) -> None:
    with pytest.raises(IntegrityError):
        keep(records, new_object(new_document()))
    row = new_object(None)
    keep(records, row)
    assert the_object(records, row) == row


def test_known_etags_are_told(records: Records) -> None:
    rows = [new_object(None) for _ in range(3)]
    keep(records, *rows)
    addresses = [row.address for row in rows[:2]]
    with records() as work:
        assert work.source_objects.etags(CLIENT, [*addresses, bytes(32)]) == {row.address: row.etag for row in rows[:2]}
        assert work.source_objects.etags(ClientId("other"), addresses) == {}
        assert work.source_objects.etags(CLIENT, []) == {}


def test_an_address_is_held_also_without_a_row(open_records: OpenRecords) -> None:
    records = open_records(lock_timeout=0.3)
    row = new_object(None)
    with records() as holder:
        assert holder.source_objects.lock(CLIENT, row.address) is None
        with records() as other, pytest.raises(DatabaseUnavailable):
            other.source_objects.lock(CLIENT, row.address)
        holder.source_objects.put(row)
        holder.commit()
    with records() as after:
        assert after.source_objects.lock(CLIENT, row.address) == row


def test_output_is_due_once_the_document_has_come_to_its_end(records: Records, document: Document) -> None:
    other = new_document()
    put(records, other)
    rows = [new_object(document, output_due=NOON, awaits_end=True) for _ in range(2)]
    keep(records, *rows, new_object(other, output_due=NOON, awaits_end=True), new_object(document))
    with records() as work:
        assert work.source_objects.claim_outputs(now=NOON, until=NOON + MINUTE, limit=5) == []
        work.source_objects.ended(document.id)
        work.commit()
    with records() as work:
        claimed = work.source_objects.claim_outputs(now=NOON, until=NOON + MINUTE, limit=5)
    assert {each.address for each in claimed} == {row.address for row in rows}
    assert not any(each.awaits_end for each in claimed)


def test_each_due_output_goes_to_one_claimer(records: Records, document: Document) -> None:
    rows = [new_object(document, output_due=NOON + minutes * MINUTE) for minutes in (2, 0, 1, 9)]
    keep(records, *rows, new_object(document))
    now, until = NOON + 5 * MINUTE, NOON + 6 * MINUTE
    with records() as one, records() as two:
        first = one.source_objects.claim_outputs(now=now, until=until, limit=2)
        second = two.source_objects.claim_outputs(now=now, until=until, limit=2)
        one.commit()
        two.commit()
    assert [row.address for row in first] == [rows[1].address, rows[2].address]
    assert [row.address for row in second] == [rows[0].address]
    assert all(row.output_due == until for row in (*first, *second))
    with records() as work:
        assert work.source_objects.claim_outputs(now=now, until=until, limit=9) == []
        assert len(work.source_objects.claim_outputs(now=until, until=until + MINUTE, limit=9)) == 3


def test_many_claimers_share_the_outputs(records: Records, document: Document) -> None:
    keep(records, *(new_object(document, output_due=NOON) for _ in range(20)))

    def claim(_: int) -> list[bytes]:
        with records() as work:
            claimed = work.source_objects.claim_outputs(now=NOON, until=NOON + MINUTE, limit=3)
            work.commit()
        return [row.address for row in claimed]

    with ThreadPoolExecutor(5) as threads:
        got = [address for some in threads.map(claim, range(10)) for address in some]
    assert len(got) == len(set(got)) == 20


# Held events


def test_an_event_is_kept_and_changed_whole(records: Records) -> None:
    event = new_event()
    keep(records, event)
    changed = replace(
        event, not_before=NOON + MINUTE, body=None, attempts=4, reason=ParkReason.TOO_LARGE, key=WrappedKey("2", b"2")
    )
    with records() as work:
        assert work.held_events.lock(event.id) == event
        work.held_events.put(changed)
        work.commit()
    with records() as work:
        assert work.held_events.parked() == [changed]
        with pytest.raises(NotFound):
            work.held_events.lock(EventId(uuid4()))


@pytest.mark.parametrize("reason", ParkReason)
def test_every_reason_is_kept(records: Records, reason: ParkReason) -> None:
    keep(records, new_event(reason=reason))
    with records() as work:
        assert [event.reason for event in work.held_events.parked()] == [reason]


def test_waiting_events_are_claimed_once_oldest_first(records: Records) -> None:
    events = [new_event(minutes=minutes) for minutes in (2, 0, 1, 9)]
    keep(records, *events, new_event(reason=ParkReason.FAILED))
    now, until = NOON + 5 * MINUTE, NOON + 6 * MINUTE
    with records() as one, records() as two:
        first = one.held_events.claim(now=now, until=until, limit=2)
        second = two.held_events.claim(now=now, until=until, limit=2)
        one.commit()
        two.commit()
    assert [event.id for event in first] == [events[1].id, events[2].id]
    assert [event.id for event in second] == [events[0].id]
    assert all((event.attempts, event.not_before) == (1, until) for event in (*first, *second))
    with records() as work:
        assert work.held_events.claim(now=now, until=until, limit=9) == []


def test_an_event_is_put_off_unless_it_is_parked(records: Records) -> None:
    waiting, parked = new_event(), new_event(reason=ParkReason.FAILED)
    keep(records, waiting, parked)
    with records() as work:
        for event in (waiting, parked):
            work.held_events.put_off(event.id, NOON + MINUTE)
        work.held_events.put_off(EventId(uuid4()), NOON)
        work.commit()
    with records() as work:
        assert work.held_events.claim(now=NOON, until=NOON, limit=9) == []
        assert work.held_events.parked() == [parked]
        assert work.held_events.lock(waiting.id).not_before == NOON + MINUTE


def test_waiting_and_parked_events_are_forgotten_apart(records: Records) -> None:
    waiting, parked = new_event(), new_event(reason=ParkReason.FAILED)
    keep(records, waiting, parked)
    with records() as work:
        assert not work.held_events.forget(waiting.id, parked=True)
        assert not work.held_events.forget(parked.id, parked=False)
        assert work.held_events.counts(most=10) == (1, 1)
        assert work.held_events.forget(waiting.id, parked=False)
        assert work.held_events.forget(parked.id, parked=True)
        work.commit()
    with records() as work:
        assert work.held_events.counts(most=10) == (0, 0)


def test_events_are_counted_no_further_than_asked(records: Records) -> None:
    keep(records, *(new_event() for _ in range(5)), new_event(reason=ParkReason.FAILED))
    with records() as work:
        assert work.held_events.counts(most=3) == (3, 1)


# Listings


def test_a_listing_is_made_once_and_claimed_by_one(records: Records) -> None:
    first = Listing(uuid4(), "scans", "in/", KEY, NOON)
    with records() as work:
        work.listings.ensure(first)
        work.listings.ensure(Listing(uuid4(), "scans", "in/", KEY, NOON))
        work.listings.ensure(Listing(uuid4(), "scans", "", KEY, NOON))
        work.commit()
    with records() as one, records() as two:
        claimed = one.listings.claim("scans", "in/", now=NOON, until=NOON + MINUTE)
        assert claimed == replace(first, not_before=NOON + MINUTE)
        assert two.listings.claim("scans", "in/", now=NOON, until=NOON + MINUTE) is None
        one.commit()
    with records() as work:
        assert work.listings.claim("scans", "in/", now=NOON, until=NOON + MINUTE) is None
        assert work.listings.claim("scans", "elsewhere/", now=NOON, until=NOON) is None


def test_a_listing_is_saved_whole(records: Records) -> None:
    listing = Listing(uuid4(), "scans", "in/", KEY, NOON)
    changed = replace(listing, cursor=b"sealed", finished_at=NOON, not_before=NOON)
    with records() as work:
        with pytest.raises(NotFound):
            work.listings.save(listing)
        work.listings.ensure(listing)
        work.listings.save(changed)
        work.commit()
    with records() as work:
        assert work.listings.claim("scans", "in/", now=NOON, until=NOON) == changed
