"""Whatever befalls the events of a bucket, the listing brings each object's newest version to exactly one document."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.errors import ObjectMissing
from ocr_pipeline.triggers.events import ObjectEvent, UnusableEvent
from ocr_pipeline.triggers.read_message import read_message
from tests.unit.triggers.world import CLIENT, TriggerWorld

KEYS = st.integers(0, 3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), KEYS),
        st.tuples(st.just("deliver"), st.integers(0, 40)),
        st.tuples(st.just("forget sequencer"), st.integers(0, 40)),
        st.tuples(st.just("pass"), st.integers(0, 3)),
        st.tuples(st.just("set the bucket's clock back"), st.integers(0, 60)),
        st.tuples(st.just("list"), st.just(0)),
        st.tuples(st.just("lose the row"), KEYS),
    ),
    max_size=40,
)


@given(steps=STEPS, versioned=st.booleans())
def test_events_may_be_lost_doubled_and_reordered(steps: list[tuple[str, int]], versioned: bool) -> None:
    world = TriggerWorld(versioned=versioned)
    events: list[ObjectEvent] = []
    for step, number in steps:
        match step:
            case "write":
                events.append(world.event(f"{number}.png", f"content {len(events)}".encode()))
            case "deliver" | "forget sequencer" if events:
                event = events[number % len(events)]
                deliver(world, event if step == "deliver" else replace(event, sequencer=None))
            case "pass":
                world.clock.advance(seconds=number)
            case "set the bucket's clock back":
                world.buckets.behind = timedelta(minutes=number)
            case "list":
                world.clock.advance(minutes=20)
                world.list()
            case "lose the row":
                # As when the process dies before it could be kept.
                rows = world.records.tables.source_objects
                for name in list(rows)[number : number + 1]:
                    del rows[name]
    for _ in range(2):
        world.clock.advance(minutes=20)
        world.list()
    check(world)


def deliver(world: TriggerWorld, event: ObjectEvent) -> None:
    with suppress(ObjectMissing):
        world.taken(event)


def check(world: TriggerWorld) -> None:
    documents = world.documents()
    of_content = Counter(document.fingerprint for document in documents)
    assert all(count == 1 for count in of_content.values()), "no version became two documents"
    rows = {row.address: row for row in world.rows()}
    assert len(rows) == len(world.buckets.objects)
    for versions in world.buckets.objects.values():
        _, content = versions[-1]
        fingerprint = world.vault.fingerprint(CLIENT, content)
        assert of_content[fingerprint] == 1
    newest = {world.vault.fingerprint(CLIENT, versions[-1][1]) for versions in world.buckets.objects.values()}
    by_id = {document.id: document.fingerprint for document in documents}
    assert {by_id[row.document_id] for row in rows.values() if row.document_id is not None} == newest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Records", "s3", "object", "bucket", "key", "name", "eventName", "size", "Message", "x"]),
            children,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(body=st.binary(max_size=300))
def test_any_bytes_are_events_or_have_a_reason(body: bytes) -> None:
    with suppress(UnusableEvent):
        read_message(body)


@given(message=JSON)
def test_any_json_is_events_or_has_a_reason(message: Any) -> None:
    for form in (
        message,
        {"Records": message},
        {"Records": [message]},
        {"event_type": "x", "key": "/buckets/b/k", "message": message},
    ):
        with suppress(UnusableEvent):
            read_message(json.dumps(form).encode())
