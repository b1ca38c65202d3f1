"""What the guards say of a text while it is written and when it ends."""

from __future__ import annotations

import pytest

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.generation import FinishReason
from ocr_pipeline.ports.survey import Survey
from ocr_pipeline.recognition.streaming.expected import ExpectedText
from ocr_pipeline.recognition.streaming.guards import StreamGuards, StreamRules

WORDS = [f"word{chr(97 + at % 26)}{chr(97 + at // 26 % 26)}{chr(97 + at // 676)} " for at in range(2_000)]


def guards(expected: ExpectedText | None = None, rules: StreamRules | None = None) -> StreamGuards:
    return StreamGuards(rules or StreamRules(), expected)


def test_a_plain_text_passes_and_is_kept() -> None:
    stream = guards(ExpectedText(20, 80))

    assert stream.feed("Patient was seen today.") is None
    assert stream.finish(FinishReason.STOP) == ()
    assert stream.kept_text_end == 23


def test_a_loop_is_cut_once_and_for_all() -> None:
    stream = guards()
    said = [stream.feed("round and round and round ") for _ in range(30)]

    assert said[0] is None
    assert said[-1] is PageReason.REPETITION
    assert said.index(PageReason.REPETITION) < 12
    assert stream.finish(None) == (PageReason.REPETITION,)


def test_of_a_loop_the_first_round_is_kept() -> None:
    stream = guards()
    head, sentence = "Discharge summary\n", "The patient was advised to return if the symptoms persist or get worse.\n"
    stream.feed(head)
    for _ in range(20):
        stream.feed(sentence)

    assert (head + sentence * 20)[: stream.kept_text_end].strip() == f"{head}{sentence}".strip()


def test_much_more_than_the_ink_holds_is_cut_though_nothing_repeats() -> None:
    stream = guards(ExpectedText(25, 100))
    said = [stream.feed(word) for word in WORDS]

    assert PageReason.IMPOSSIBLE_LENGTH in said
    assert PageReason.REPETITION not in said
    assert stream.kept_text_end == sum(map(len, WORDS))


def test_without_a_survey_length_alone_is_no_fault() -> None:
    stream = guards()

    assert {stream.feed(word) for word in WORDS} == {None}


def test_what_a_model_writes_of_its_own_is_not_held_against_the_page() -> None:
    rules = StreamRules(overhead=5_000)
    stream = guards(ExpectedText(25, 100), rules)

    assert {stream.feed(word) for word in WORDS[:600]} == {None}


def test_rows_in_any_order_are_cut_where_the_ink_is_used_up() -> None:
    rows = ["Hekate Clinic\n", "Hakate Clinic\n", "Hekata Clinic\n"]
    stream = guards(ExpectedText(30, 120))
    said = [stream.feed(rows[at * at % 7 % 3]) for at in range(100)]

    assert PageReason.REPETITION in said


@pytest.mark.parametrize(
    ("text", "finish", "reasons"),
    [
        ("A short note", FinishReason.LENGTH, (PageReason.TRUNCATED,)),
        ("Note " + "정상\n" * 60, FinishReason.LENGTH, (PageReason.REPETITION, PageReason.TRUNCATED)),
        ("A short note", FinishReason.REPETITION, (PageReason.REPETITION,)),
        ("Note " + "정상\n" * 30, FinishReason.STOP, ()),
        ("A short note", None, ()),
    ],
)
def test_the_end_tells_more(text: str, finish: FinishReason | None, reasons: tuple[PageReason, ...]) -> None:
    stream = guards(rules=StreamRules(rows=1_000))
    stream.feed(text)

    assert stream.finish(finish) == reasons


def test_a_loop_found_at_the_end_is_dropped_from_the_text() -> None:
    stream = guards(rules=StreamRules(rows=1_000))
    text = "Findings\n" + "정상\n" * 60
    stream.feed(text)
    stream.finish(FinishReason.REPETITION)

    assert text[: stream.kept_text_end].split() == ["Findings", "정상"]


def test_expectations_follow_the_survey() -> None:
    expected = ExpectedText.of(Survey(0.05, 1_000, 100))

    assert expected is not None
    assert expected.low == 500
    assert 2_000 <= expected.high <= 2_010
    assert expected.cells == 0
    assert expected.alike is not None
    assert 400 <= expected.alike <= 450
    assert ExpectedText.of(Survey(0.05, 1_000)) == ExpectedText(expected.low, expected.high, 0)
    assert ExpectedText.of(Survey(0.05)) is None
