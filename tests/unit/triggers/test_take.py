"""An event becomes at most one document a version, whatever comes twice, late or wrong."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import ObjectMissing, StoreUnavailable
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.triggers import ParkReason
from ocr_pipeline.operations.access import ManageClients
from ocr_pipeline.triggers.events import Change, UnusableEvent
from ocr_pipeline.triggers.rules import Place, Rule, Rules
from ocr_pipeline.triggers.take import Outcome
from tests.unit.triggers.world import BUCKET, CLIENT, TriggerWorld
from tests.unit.world import PNG


def test_an_object_becomes_a_document_as_its_rule_says() -> None:
    world = TriggerWorld(
        Rule(BUCKET, CLIENT, "in/", (".pdf",), DocumentKind.OTHER, Priority.BULK),
        Rule(BUCKET, CLIENT, "in/", (".PNG",), DocumentKind.CHART, Priority.URGENT),
        Rule(BUCKET, CLIENT),
    )
    assert world.taken(world.event()) is Outcome.TAKEN
    (document,) = world.documents()
    assert (document.kind, document.priority, document.client_id) == (DocumentKind.CHART, Priority.URGENT, CLIENT)
    assert world.read(document.id, actor="test").name == "1.png"
    assert [task.document_id for task in world.queue.intake] == [document.id]


def test_the_same_event_again_asks_the_bucket_for_nothing() -> None:
    world = TriggerWorld()
    event = world.event()
    world.taken(event)
    world.buckets.asked.clear()
    assert [world.taken(event) for _ in range(3)] == [Outcome.KNOWN] * 3
    assert world.buckets.asked == []
    assert len(world.documents()) == 1


def test_an_erased_document_does_not_come_back_by_an_old_event_or_the_listing() -> None:
    world = TriggerWorld()
    event = world.event()
    world.taken(event)
    world.cancel(world.documents()[0].id, actor="test")
    world.clock.advance(days=3)
    assert world.taken(event) is Outcome.KNOWN
    assert world.list() == 0
    assert len(world.documents()) == 1


def test_a_crash_between_document_and_row_makes_no_second_document() -> None:
    world = TriggerWorld()
    event = world.event()
    world.taken(event)
    world.records.tables.source_objects.clear()
    world.cancel(world.documents()[0].id, actor="test")  # not even the content tells that it was here
    world.buckets.asked.clear()
    assert world.taken(event) is Outcome.TAKEN
    assert world.buckets.asked == ["facts"]
    assert len(world.documents()) == 1
    assert len(world.rows()) == 1


def test_duplicates_at_the_same_moment_become_one_document() -> None:
    world = TriggerWorld()
    event = world.event()
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(world.taken, [event] * 16))
    assert set(outcomes) <= {Outcome.TAKEN, Outcome.KNOWN}
    assert len(world.documents()) == len(world.rows()) == 1


def test_what_came_before_is_dropped_without_asking() -> None:
    world = TriggerWorld(versioned=True)
    old, new = world.event(content=b"old"), world.event(content=b"new")
    assert world.taken(new) is Outcome.TAKEN
    world.buckets.asked.clear()
    assert world.taken(old) is Outcome.OLDER
    assert world.buckets.asked == []
    assert len(world.documents()) == 1


def test_each_version_in_order_becomes_a_document() -> None:
    world = TriggerWorld(versioned=True)
    events = [world.event(content=bytes([number])) for number in range(3)]
    assert [world.taken(event) for event in events] == [Outcome.TAKEN] * 3
    assert len(world.documents()) == 3
    assert [row.version for row in world.rows()] == [events[-1].version]


def test_an_event_without_a_sequencer_of_an_older_version_is_told_by_its_time() -> None:
    world = TriggerWorld(versioned=True)
    old = replace(world.event(content=b"old"), sequencer=None)
    world.clock.advance(seconds=5)
    new = replace(world.event(content=b"new"), sequencer=None)
    assert [world.taken(new), world.taken(old)] == [Outcome.TAKEN, Outcome.OLDER]


@pytest.mark.parametrize("versioned", [False, True])
def test_what_lies_there_now_is_taken_though_the_clock_of_the_bucket_was_set_back(versioned: bool) -> None:
    world = TriggerWorld(versioned=versioned, output=True)
    world.taken(replace(world.event(content=b"old"), sequencer=None))
    world.buckets.behind = timedelta(hours=2)
    new = replace(world.event(content=b"new"), sequencer=None, version=None)
    assert world.taken(new) is Outcome.TAKEN
    assert len(world.documents()) == 2
    world.buckets.asked.clear()
    world.clock.advance(minutes=6)
    assert world.list() == 0
    assert set(world.buckets.asked) == {"page"}, "it is known from then on"
    newest = world.vault.fingerprint(CLIENT, PNG + b"new")
    assert [document.id for document in world.documents() if document.fingerprint == newest] == [
        row.document_id for row in world.rows()
    ]


def test_the_event_of_what_was_replaced_brings_what_lies_there_now() -> None:
    world = TriggerWorld()
    old, new = world.event(content=b"old"), world.event(content=b"new")
    assert [world.taken(old), world.taken(new)] == [Outcome.TAKEN, Outcome.KNOWN]
    (document,) = world.documents()
    assert document.fingerprint == world.vault.fingerprint(CLIENT, PNG + b"new")


def test_a_version_that_is_gone_brings_what_lies_there_now() -> None:
    world = TriggerWorld()
    assert world.taken(replace(world.event(), version="1")) is Outcome.TAKEN


def test_removals_folders_strangers_and_results_are_left_alone() -> None:
    world = TriggerWorld(Rule(BUCKET, CLIENT, suffixes=(".png",)), Rule(BUCKET, CLIENT, "in/"))
    event = world.event()
    assert world.taken(replace(event, change=Change.REMOVED)) is Outcome.DELETED
    for key in ("in/", "elsewhere/1.gif", "ocr-results/in/1.png"):
        assert world.taken(replace(event, key=key)) is Outcome.IGNORED
    assert world.taken(replace(event, bucket="other")) is Outcome.IGNORED
    assert world.taken(world.buckets.write("in/ward_$folder$", b"")) is Outcome.IGNORED
    assert world.documents() == []


def test_too_large_an_object_is_refused_before_it_is_read_and_stays_refused() -> None:
    world = TriggerWorld(max_bytes=20)
    event = replace(world.event(content=b"x" * 20), size=1)
    assert world.taken(event) is Outcome.OVERSIZE
    assert world.taken(event) is Outcome.KNOWN
    world.clock.advance(hours=1)
    assert world.list() == 0
    assert "reading" not in world.buckets.asked
    assert [row.reason for row in world.rows()] == ["too_large"]


def test_what_intake_refuses_stays_refused_until_it_is_replaced() -> None:
    world = TriggerWorld()
    assert world.taken(world.buckets.write("in/1.png", b"GIF89a" * 300)) is Outcome.OVERSIZE
    assert world.taken(world.buckets.write("in/2.png", b"GIF89a")) is Outcome.REFUSED
    assert {row.reason for row in world.rows()} == {"too_large", "unsupported_format"}
    assert world.taken(world.event("2.png")) is Outcome.TAKEN


def test_clients_that_are_not_there_or_disabled_park_the_event() -> None:
    world = TriggerWorld(Rule(BUCKET, ClientId("nobody"), "in/x"), Rule(BUCKET, CLIENT, "in/"))
    with pytest.raises(UnusableEvent) as caught:
        world.taken(world.event("x.png"))
    assert caught.value.reason is ParkReason.UNKNOWN_CLIENT
    ManageClients(world.records, world.clock).disable(CLIENT)
    with pytest.raises(UnusableEvent) as caught:
        world.taken(world.event("y.png"))
    assert caught.value.reason is ParkReason.CLIENT_DISABLED


def test_what_is_missing_or_away_is_said() -> None:
    world = TriggerWorld()
    event = world.event()
    world.buckets.down = True
    with pytest.raises(StoreUnavailable):
        world.taken(event)
    world.buckets.down = False
    world.buckets.objects.clear()
    with pytest.raises(ObjectMissing):
        world.taken(event)
    assert world.rows() == []


def test_rows_hold_neither_keys_nor_plain_hashes() -> None:
    world = TriggerWorld()
    event = world.event("Hong-Gildong.png")
    world.taken(event)
    shown = repr(world.records.tables.source_objects) + repr(world.records.tables.idempotency_keys)
    assert "Hong" not in shown
    assert event.etag is not None
    assert event.etag not in shown
    assert bytes.fromhex(event.etag) not in (world.rows()[0].sealed or b"")


def test_places_are_listed_once() -> None:
    rules = [
        Rule("b", CLIENT, "in/ward/"),
        Rule("b", CLIENT, "in/"),
        Rule("a", CLIENT),
        Rule("b", CLIENT, "in/", (".x",)),
    ]
    assert Rules(rules).places() == (Place("a", ""), Place("b", "in/"))
