"""Server-sent events: lines, fields and limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.engines.vllm.sse import Event, EventStream
from ocr_pipeline.domain.errors import EngineGarbage


def events(*chunks: bytes, **limits: int) -> list[Event]:
    stream = EventStream(**limits)
    return [event for chunk in chunks for event in stream.feed(chunk)]


def data(*chunks: bytes) -> list[str]:
    return [event.data for event in events(*chunks)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_end_lines(end: bytes) -> None:
    assert data(b"data: one", end, end, b"data: two", end, end) == ["one", "two"]


def test_a_line_end_cut_in_two_is_one() -> None:
    assert data(b"data: one\r", b"\ndata: two\r", b"\n\r", b"\n") == ["one\ntwo"]


def test_comments_and_unknown_fields_are_skipped() -> None:
    assert data(b": keep-alive\n\nid: 7\nretry: 10\nnonsense\ndata: one\n\n") == ["one"]


def test_lines_of_one_event_are_joined() -> None:
    assert data(b"data: one\ndata:two\ndata:  three\n\n") == ["one\ntwo\n three"]


def test_an_event_has_its_name_and_the_next_has_none() -> None:
    named = events(b"event: error\ndata: one\n\ndata: two\n\n")
    assert [event.name for event in named] == ["error", "message"]


def test_a_character_cut_in_two_is_whole() -> None:
    text = "data: 처방전\n\n".encode()
    assert data(*(bytes([byte]) for byte in text)) == ["처방전"]


def test_a_byte_order_mark_at_the_start_is_no_text() -> None:
    assert data(b"\xef\xbb", b"\xbfdata: one\n\n") == ["one"]


def test_an_event_that_the_stream_breaks_off_in_is_none() -> None:
    assert data(b"data: one\n\ndata: two\n") == ["one"]


def test_a_line_past_the_limit_is_garbage_before_it_ends() -> None:
    with pytest.raises(EngineGarbage):
        events(b"data: ", b"a" * 100, max_line=64)


def test_a_stream_past_the_limit_is_garbage() -> None:
    with pytest.raises(EngineGarbage):
        events(*[b"data: one\n\n"] * 20, max_total=100)


def test_what_came_before_the_garbage_is_given_out() -> None:
    stream = EventStream()
    feed = stream.feed(b"data: one\n\ndata: \xff\n\n")
    assert next(feed).data == "one"
    with pytest.raises(EngineGarbage):
        next(feed)


def test_an_event_shows_none_of_its_text() -> None:
    assert "secret" not in repr(events(b"data: secret\n\n"))


PIECES = st.sampled_from(
    [b"data: ", b"data:", b"event: x", b": c", b"\n", b"\r", b"\r\n", b"\n\n", "전".encode(), b"a"]
)


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    whole = b"".join(draw(st.lists(PIECES, max_size=40)))
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    return whole, [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


@given(cut_streams())
def test_cuts_change_nothing(cut: tuple[bytes, list[bytes]]) -> None:
    whole, chunks = cut
    assert events(*chunks) == events(whole)


@given(st.lists(st.binary(max_size=80)))
def test_arbitrary_bytes_are_events_or_garbage(chunks: list[bytes]) -> None:
    try:
        events(*chunks, max_line=40, max_total=120)
    except EngineGarbage:
        return
    assert all(len(event.data.encode()) <= 120 for event in events(*chunks))
