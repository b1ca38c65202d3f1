from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.audit import AuditEntry, AuditEvent, ChainHead, append, verify
from ocr_pipeline.domain.ids import DocumentId
from tests.properties.strategies import entries_of

DOCUMENT = DocumentId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
chains = st.lists(entries_of(DOCUMENT), min_size=1, max_size=8)


def build(entries: list[AuditEntry]) -> tuple[list[AuditEvent], ChainHead]:
    events, head = [], ChainHead()
    for entry in entries:
        event, head = append(head, entry)
        events.append(event)
    return events, head


@given(chains)
def test_an_untouched_chain_holds(entries: list[AuditEntry]) -> None:
    events, head = build(entries)
    assert verify(DOCUMENT, events, head) is None


@given(chains, st.data())
def test_a_dropped_event_shows(entries: list[AuditEntry], data: st.DataObject) -> None:
    events, head = build(entries)
    del events[data.draw(st.integers(0, len(events) - 1))]
    assert verify(DOCUMENT, events, head) is not None


@given(chains, entries_of(DOCUMENT), st.data())
def test_a_changed_event_shows(entries: list[AuditEntry], other: AuditEntry, data: st.DataObject) -> None:
    events, head = build(entries)
    place = data.draw(st.integers(0, len(events) - 1))
    if events[place].entry != other:
        events[place] = replace(events[place], entry=other)
        fault = verify(DOCUMENT, events, head)
        assert fault is not None
        assert fault.sequence == place + 1


@given(chains, entries_of(DOCUMENT), st.data())
def test_a_rewritten_tail_shows_against_the_head(
    entries: list[AuditEntry], other: AuditEntry, data: st.DataObject
) -> None:
    """Whoever rehashes every later event still meets the head that the document keeps."""
    _events, head = build(entries)
    place = data.draw(st.integers(0, len(entries) - 1))
    if entries[place] != other:
        forged, _forged_head = build([*entries[:place], other, *entries[place + 1 :]])
        assert verify(DOCUMENT, forged, head) is not None


@given(chains, st.data())
def test_swapped_events_show(entries: list[AuditEntry], data: st.DataObject) -> None:
    events, head = build(entries)
    first, second = data.draw(st.integers(0, len(events) - 1)), data.draw(st.integers(0, len(events) - 1))
    events[first], events[second] = events[second], events[first]
    assert (verify(DOCUMENT, events, head) is None) == (first == second)
