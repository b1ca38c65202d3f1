"""An answer's events as tokens: text from the deltas, log-probabilities where they belong to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.errors import EngineError, EngineGarbage, EngineUnavailable
from ocr_pipeline.ports.generation import Finish, FinishReason, Token
from tests.unit.engine_vllm.asking import REQUEST_ID, decode, text_of, tokens_of

Listed = tuple[str | bytes, float | None]
DONE = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def entry(token: str | bytes, logprob: float | None, *, with_bytes: bool = True) -> dict[str, object]:
    raw = token.encode() if isinstance(token, str) else token
    said: dict[str, object] = {"token": raw.decode(errors="replace"), "logprob": logprob, "top_logprobs": []}
    return {**said, "bytes": list(raw)} if with_bytes else said


def chunk(content: str | None, *listed: Listed, finish: str | None = None, **fields: object) -> bytes:
    logprobs = {"content": [entry(*one) for one in listed]} if listed else None
    choice = {"index": 0, "delta": {"content": content}, "logprobs": logprobs, "finish_reason": finish}
    return event({"id": f"chatcmpl-{REQUEST_ID}", "choices": [choice], **fields})


STOP = chunk("", ("<|im_end|>", 0.0), finish="stop")


def said(*chunks: bytes) -> list[tuple[str, float | None]]:
    return tokens_of(decode([*chunks, STOP, DONE]))


def test_several_tokens_in_one_piece_are_told_apart() -> None:
    assert said(chunk("one two", ("one", -0.1), (" two", -0.2))) == [("one", -0.1), (" two", -0.2)]


def test_the_token_that_ends_the_answer_is_no_text() -> None:
    assert said(chunk("one", ("one", -0.1))) == [("one", -0.1)]


def test_a_server_that_gives_characters_whole_and_their_pieces_empty() -> None:
    assert said(chunk("", ("", -0.3)), chunk("약", ("약", -0.1))) == [("", -0.3), ("약", -0.1)]


def test_a_server_that_gives_characters_in_bytes() -> None:
    first, second = "약".encode()[:2], "약".encode()[2:]
    assert said(chunk("", (first, -0.3)), chunk("약", (second, -0.1))) == [("", -0.3), ("약", -0.1)]


def test_text_held_back_for_a_stop_string_meets_its_tokens_later() -> None:
    pieces = [chunk("", ("abc", -0.1)), chunk("ab", ("def", -0.2)), chunk("cdef", ("gh", -0.3)), chunk("g")]
    assert said(*pieces) == [("abc", -0.1), ("def", -0.2), ("g", -0.3)]


def test_special_tokens_in_the_middle_are_left_out() -> None:
    pieces = [
        chunk("", ("<|ref|>", -2.0)),
        chunk("one", ("one", -0.1)),
        chunk("", ("<|/ref|>", -2.0)),
        chunk(" two", (" two", -0.2)),
    ]
    assert said(*pieces) == [("one", -0.1), (" two", -0.2)]


def test_a_tokeniser_that_loses_the_blank_before_a_word() -> None:
    assert said(chunk("one two", ("one", -0.1), ("two", -0.2))) == [("one", -0.1), (" two", -0.2)]


def test_a_list_that_contradicts_the_text_counts_for_nothing() -> None:
    pieces = [chunk("one two", ("three", -0.1), (" four", -0.2)), chunk(" five", (" five", -0.3))]
    assert said(*pieces) == [("one two", None), (" five", -0.3)]


def test_a_list_too_short_leaves_the_rest_without() -> None:
    assert said(chunk("one two three", ("one", -0.1))) == [("one", -0.1), (" two three", None)]


def test_tokens_without_bytes_are_taken_by_their_text() -> None:
    logprobs = {"content": [entry("one", -0.1, with_bytes=False)]}
    piece = event({"choices": [{"delta": {"content": "one"}, "logprobs": logprobs}]})
    assert said(piece) == [("one", -0.1)]


@pytest.mark.parametrize("logprob", [None, -9999.0, float("nan"), float("-inf"), -(10**400)])
def test_a_log_probability_that_is_none_is_unknown(logprob: float | None) -> None:
    assert said(chunk("one", ("one", logprob))) == [("one", None)]


def test_a_probability_a_shade_above_one_is_one() -> None:
    assert said(chunk("one", ("one", 1e-7))) == [("one", 0.0)]


def test_a_character_that_never_came_whole_adds_no_text() -> None:
    assert said(chunk("a", ("a", -0.1)), chunk("", (b"\xec\x95", -0.2))) == [("a", -0.1), ("", -0.2)]


def test_bytes_that_are_no_text_show_as_the_server_shows_them() -> None:
    pieces = [chunk("", (b"\xec", -0.1)), chunk("\ufffda", (b"a", -0.2))]
    assert said(*pieces) == [("", -0.1), ("\ufffda", -0.2)]


def test_bytes_that_are_no_text_cost_the_next_tokens_nothing() -> None:
    pieces = [chunk("", ("", -0.1)), chunk("\ufffd\ufffda", ("a", -0.2)), chunk(" b", (" b", -0.3))]
    assert said(*pieces) == [("", -0.1), ("\ufffd", None), ("\ufffd", None), ("a", -0.2), (" b", -0.3)]


@pytest.mark.parametrize("reason", list(FinishReason))
def test_known_ends(reason: FinishReason) -> None:
    usage = event(
        {"id": f"chatcmpl-{REQUEST_ID}", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}
    )
    assert decode([chunk("a", finish=reason.value), usage, DONE])[-1] == Finish(reason, 9, 1)


def test_an_end_without_the_closing_mark_is_an_end() -> None:
    assert decode([chunk("a", finish="stop")]) == [Token("a"), Finish(FinishReason.STOP)]


def test_a_stream_that_stops_before_the_end_was_broken_off() -> None:
    with pytest.raises(EngineUnavailable):
        decode([chunk("a")])


def test_what_follows_the_closing_mark_is_ignored() -> None:
    assert text_of(decode([chunk("a", finish="stop"), DONE, b"data: nonsense\n\n"])) == "a"


@pytest.mark.parametrize("answer_id", [REQUEST_ID, f"chatcmpl-{REQUEST_ID}", None])
def test_ids_that_are_ours(answer_id: str | None) -> None:
    piece = event({"id": answer_id, "choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]})
    assert text_of(decode([piece, DONE])) == "a"


@pytest.mark.parametrize("answer_id", ["chatcmpl-page-8", f"chatcmpl-{REQUEST_ID}1", f"x-{REQUEST_ID}", "", 7])
def test_ids_that_are_not_ours(answer_id: object) -> None:
    piece = event({"id": answer_id, "choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]})
    with pytest.raises(EngineGarbage):
        decode([piece, DONE])


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"choices": None},
        {"choices": [1]},
        {"choices": [{}, {}]},
        {"choices": [{"index": 1}]},
        {"choices": [{"delta": "a"}]},
        {"choices": [{"delta": {"content": 1}}]},
        {"choices": [{"delta": {"content": "\ud800"}}]},
        {"choices": [{"delta": {}, "logprobs": 1}]},
        {"choices": [{"delta": {}, "logprobs": {"content": {}}}]},
        {"choices": [{"delta": {}, "logprobs": {"content": [1]}}]},
        {"choices": [{"delta": {}, "logprobs": {"content": [{"token": 1}]}}]},
        {"choices": [{"delta": {}, "logprobs": {"content": [{"token": "a", "logprob": "x"}]}}]},
        {"choices": [{"delta": {}, "logprobs": {"content": [{"token": "a", "logprob": True}]}}]},
        {"choices": [{"delta": {}, "logprobs": {"content": [{"token": "a", "bytes": [256]}]}}]},
        {"choices": [{"delta": {}, "logprobs": {"content": [{"token": "a", "bytes": ["a"]}]}}]},
        {"choices": [{"delta": {}, "finish_reason": "content_filter"}]},
        {"choices": [], "usage": [1]},
        [],
        "text",
        7,
    ],
)
def test_other_shapes_are_garbage(value: object) -> None:
    with pytest.raises(EngineGarbage):
        decode([event(value), STOP, DONE])


@pytest.mark.parametrize("line", [b"{", b"[" * 100_000, b"9" * 5000, b'{"choices": ' + b"[" * 100_000])
def test_what_is_no_json_is_garbage(line: bytes) -> None:
    with pytest.raises(EngineGarbage):
        decode([b"data: " + line + b"\n\n"])


def test_text_after_the_end_is_garbage() -> None:
    with pytest.raises(EngineGarbage):
        decode([STOP, chunk("more"), DONE])


def test_two_ends_are_garbage() -> None:
    with pytest.raises(EngineGarbage):
        decode([STOP, STOP, DONE])


TEXTS = st.text(alphabet="ab <약\ufffd", max_size=6)
LISTS = st.lists(st.tuples(TEXTS | st.binary(max_size=3), st.none() | st.floats(-5, 0)), max_size=4)


@st.composite
def answers(draw: st.DrawFn) -> list[tuple[str, Sequence[Listed]]]:
    """Pieces whose lists are those of the text, of other text, or missing."""
    pieces: list[tuple[str, Sequence[Listed]]] = []
    for content in draw(st.lists(TEXTS, max_size=8)):
        honest = [(token, -0.25) for token in content]
        pieces.append((content, draw(st.sampled_from([honest, honest[:1], []]) | LISTS)))
    return pieces


@given(answers())
def test_whatever_the_list_says_the_tokens_join_up_to_the_text(pieces: list[tuple[str, Sequence[Listed]]]) -> None:
    got = decode([*(chunk(content, *listed) for content, listed in pieces), STOP, DONE])
    assert text_of(got) == "".join(content for content, _ in pieces)
    assert got[-1] == Finish(FinishReason.STOP)


@given(st.text(alphabet="ab 약전\u0301😀", min_size=1, max_size=12), st.data())
def test_bytes_of_a_right_list_keep_their_probabilities(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1) if len(raw) > 1 else st.nothing())))
    tokens = [raw[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    shown = [raw[:stop].decode(errors="ignore") for stop in [*cuts, len(raw)]]
    deltas = [new.removeprefix(old) for old, new in zip(["", *shown], shown, strict=False)]
    got = said(*(chunk(delta, (token, -0.5)) for delta, token in zip(deltas, tokens, strict=True)))
    assert got == [(delta, -0.5) for delta in deltas]


@given(answers(), st.data())
def test_cuts_of_the_bytes_change_nothing(pieces: list[tuple[str, Sequence[Listed]]], data: st.DataObject) -> None:
    whole = b"".join([*(chunk(content, *listed) for content, listed in pieces), STOP, DONE])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    parts = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert decode(parts) == decode([whole])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "choices", "delta", "content", "logprobs", "token", "bytes", "error", "code", "usage"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(JSON.map(event) | st.binary(max_size=40) | st.sampled_from([STOP, DONE]), max_size=6))
def test_arbitrary_answers_raise_nothing_but_typed_errors(chunks: list[bytes]) -> None:
    with suppress(EngineError):
        assert isinstance(decode(chunks)[-1], Finish)
