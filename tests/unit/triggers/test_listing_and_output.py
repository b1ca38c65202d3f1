"""The listing finds what events missed; results are written back once a document has come to its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from ocr_pipeline.domain.errors import Refused, StoreUnavailable
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.triggers import OutputProblem
from ocr_pipeline.ports.buckets import ObjectFacts
from ocr_pipeline.ports.triggers import ObjectArrival
from ocr_pipeline.triggers.rules import Rule
from ocr_pipeline.triggers.take import Outcome
from tests.unit.triggers.world import BUCKET, CLIENT, TriggerWorld
from tests.unit.world import PNG


def test_the_listing_takes_what_nobody_told_of_and_then_nothing() -> None:
    world = TriggerWorld()
    for number in range(8):
        world.event(f"{number}.png", bytes([number]))
    world.clock.advance(minutes=6)
    assert world.list() == 8
    world.buckets.asked.clear()
    assert world.list() == 0
    assert world.buckets.asked == [], "the next pass is not due"
    world.clock.advance(minutes=15)
    assert world.list() == 0
    assert set(world.buckets.asked) == {"page"}, "what is known is not asked for"
    assert len(world.documents()) == 8


def test_young_objects_are_left_to_their_events() -> None:
    world = TriggerWorld()
    event = world.event()
    assert world.list() == 0
    assert world.taken(event) is Outcome.TAKEN


def test_a_replaced_object_is_found_again() -> None:
    world = TriggerWorld()
    world.taken(world.event(content=b"old"))
    world.event(content=b"new")
    world.clock.advance(minutes=6)
    assert world.list() == 1
    assert len(world.documents()) == 2


def test_a_pass_goes_on_where_it_was_broken_off() -> None:
    world = TriggerWorld()
    for number in range(7):
        world.event(f"{number}.png", bytes([number]))
    world.clock.advance(minutes=6)
    pages = world.buckets.page

    def breaking(bucket: str, prefix: str, after: str | None, most: int) -> object:
        world.buckets.down = after is not None and after >= "in/5"
        return pages(bucket, prefix, after, most)

    world.buckets.page = breaking  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreUnavailable):
        world.list()
    assert len(world.documents()) == 6
    ((_, listing),) = world.records.tables.listings.items()
    assert listing.cursor is not None
    assert b"in/" not in listing.cursor
    world.buckets.down, world.buckets.page = False, pages  # type: ignore[method-assign]
    world.clock.advance(minutes=6)
    world.buckets.asked.clear()
    assert world.list() == 1
    assert world.buckets.asked.count("page") == 2, "it began behind the last page that was done"
    assert len(world.documents()) == 7


def test_a_bucket_that_cannot_be_listed_keeps_no_other_from_it() -> None:
    world = TriggerWorld(Rule("gone", CLIENT), Rule(BUCKET, CLIENT, prefix="in/"), Rule("shut", CLIENT))
    world.event()
    world.clock.advance(minutes=6)
    pages = world.buckets.page

    def page(bucket: str, prefix: str, after: str | None, most: int) -> Sequence[ObjectFacts]:
        if bucket != BUCKET:
            raise StoreUnavailable("the bucket is not there")
        return pages(bucket, prefix, after, most)

    world.buckets.page = page  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        world.list()
    assert len(world.documents()) == 1


def test_a_place_is_kept_while_one_works_on_it_and_free_a_minute_after_its_lister_died() -> None:
    world = TriggerWorld()
    for number in range(4):
        world.event(f"{number}.png", bytes([number]))
    world.clock.advance(minutes=6)
    take, others = world.take_in, []

    def slow(arrival: ObjectArrival, chunks: Iterable[bytes]) -> DocumentId:
        """Each object takes half a minute; another lister looks meanwhile, and the fourth object kills this one."""
        if len(world.documents()) == 3:
            raise KeyboardInterrupt
        world.clock.advance(seconds=25)
        others.append(claimed())
        return take(arrival, chunks)

    def claimed() -> bool:
        now = world.clock.now()
        with world.records() as uow:
            return uow.listings.claim(BUCKET, "in/", now=now, until=now) is not None

    world.take._take_in = slow
    with pytest.raises(KeyboardInterrupt):
        world.list()
    assert others == [False] * 3
    world.clock.advance(seconds=59)
    assert not claimed()
    world.clock.advance(seconds=2)
    assert claimed()


def test_a_full_lane_holds_the_listing_up() -> None:
    world = TriggerWorld()
    world.event()
    world.clock.advance(minutes=6)
    world.room = False
    world.stopping.set()
    assert world.list() == 0
    world.stopping.clear()
    world.room = True
    assert world.list() == 1


def test_a_result_is_written_beside_its_source_which_is_tagged() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event("ward 1/환자.png"))
    assert world.write() == 0, "nobody has read it yet"
    world.settle()
    assert world.write() == 1
    assert world.buckets.written == {(BUCKET, "ocr-results/in/ward 1/환자.png.txt"): b"hello"}
    assert world.buckets.tags == {"in/ward 1/환자.png": {"ocr-pipeline": "completed"}}
    assert world.write() == 0


def test_a_bucket_that_throttles_gets_the_result_later() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event())
    world.settle()
    world.buckets.down = True
    assert world.write() == 0
    world.buckets.down = False
    assert world.write() == 0, "not at once"
    assert [row.output_problem for row in world.rows()] == [OutputProblem.UNAVAILABLE]
    world.clock.advance(seconds=6)
    assert world.write() == 1


def test_a_source_that_may_not_be_tagged_has_its_result_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event())
    world.settle()
    tag = world.buckets.tag

    def denied(*_: object) -> None:
        raise StoreUnavailable("the object store refuses the credentials or what they may do")

    monkeypatch.setattr(world.buckets, "tag", denied)
    assert world.write() == 0
    assert [row.output_problem for row in world.rows()] == [OutputProblem.UNAVAILABLE]
    (row,) = world.rows()
    assert row.output_at is not None
    for _ in range(3):
        world.clock.advance(hours=2)
        world.write()
    assert world.buckets.asked.count("put") == 1, "only the tag is tried again"
    monkeypatch.setattr(world.buckets, "tag", tag)
    world.clock.advance(hours=2)
    assert world.write() == 1
    assert world.buckets.tags == {"in/1.png": {"ocr-pipeline": "completed"}}
    assert world.buckets.asked.count("put") == 1


def test_a_replaced_object_gets_the_result_of_what_lies_there_now() -> None:
    world = TriggerWorld(output=True)
    for content in (b"old", b"new"):
        world.taken(world.event(content=content))
        world.settle()
        assert world.write() == 1
        world.clock.advance(hours=1)
    assert world.buckets.asked.count("put") == 2


def test_a_writer_that_died_is_followed_by_another() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event())
    world.settle()
    with world.records() as uow:
        now = world.clock.now()
        assert uow.source_objects.claim_outputs(now=now, until=now.replace(year=2027), limit=9)
        uow.commit()
    assert world.write() == 0
    world.clock.advance(days=400)
    assert world.write() == 1


def test_two_objects_of_one_content_share_a_document_and_get_a_result_each() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event("1.png"))
    world.taken(world.event("2.png"))
    assert len(world.documents()) == 1
    world.settle()
    assert world.write() == 2
    assert {key for _, key in world.buckets.written} == {f"ocr-results/in/{number}.png.txt" for number in (1, 2)}


def test_a_swapped_address_writes_nothing() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event("1.png"))
    world.taken(world.event("2.png"))
    world.settle()
    rows = world.records.tables.source_objects
    (one, first), (two, second) = rows.items()
    rows[one], rows[two] = replace(first, sealed=second.sealed), replace(second, sealed=first.sealed)
    assert world.write() == 0
    assert world.buckets.written == {}
    assert {row.output_problem for row in world.rows()} == {OutputProblem.UNREADABLE}


def test_a_document_that_waits_for_a_person_has_no_result_yet() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event())
    world.admit(world.queue.intake.pop())
    world.apply(world.report_of(world.queue.recognition.pop(), confidence=0.2))
    assert world.write() == 0
    assert world.buckets.written == {}


def test_a_rejected_document_is_told_by_its_tag() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.event())
    world.opener.pages = []
    world.opener.error = Refused("malformed", "it does not open")
    world.admit(world.queue.intake.pop())
    assert world.write() == 1
    assert world.buckets.written == {}
    assert world.buckets.tags == {"in/1.png": {"ocr-pipeline": "rejected"}}


def test_a_key_without_room_for_the_prefix_is_given_up() -> None:
    world = TriggerWorld(output=True)
    world.taken(world.buckets.write("in/" + "k" * 1015, PNG))
    world.settle()
    assert world.write() == 0
    assert [row.output_problem for row in world.rows()] == [OutputProblem.KEY_TOO_LONG]
