"""Each word finds the tokens that wrote it, and is worth the least likely of them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.text import Block
from ocr_pipeline.ports.generation import Token
from ocr_pipeline.recognition.generative.scores import Piece, ScoreRules, confidence_of
from ocr_pipeline.recognition.generative.transcript import Transcript
from ocr_pipeline.recognition.generative.words import page_blocks
from ocr_pipeline.recognition.profiles.profile import ParsedBlock

RULES = ScoreRules()
SURE = 0.99


def written(text: str, unlikely: Mapping[int, float] | None = None) -> Transcript:
    """A transcript in small tokens; `unlikely` gives the probability of the token that writes the character there."""
    tokens = []
    for match in re.finditer(r"\d|\s?[^\W\d]{1,3}|\W", text):
        chances = [chance for at, chance in (unlikely or {}).items() if match.start() <= at < match.end()]
        tokens.append(Token(match[0], math.log(min(chances, default=SURE))))
    assert "".join(token.text for token in tokens) == text
    return Transcript(tuple(tokens))


def scores(lines: str, transcript: Transcript) -> dict[str, float | None]:
    """Confidence by word, None where it is unscored; lines are told apart by `/`."""
    blocks = page_blocks([ParsedBlock(tuple(lines.split(" / ")))], transcript)
    return {
        word.text: None if word.doubts == ("unscored",) else round(word.confidence, 6)
        for block in blocks
        for line in block.lines
        for word in line.words
    }


def unlikely_at(text: str, piece: str, occurrence: int = 0) -> Transcript:
    at = [found.start() for found in re.finditer(re.escape(piece), text)][occurrence]
    return written(text, {at: 0.3})


@pytest.mark.parametrize(
    ("text", "lines", "doubtful_at", "doubtful"),
    [
        ("Amlodipine 5 mg daily", "Amlodipine 5 mg daily", ("5", 0), "5"),
        ("Amlodipine 100mg daily", "Amlodipine 100mg daily", ("0", 1), "100mg"),
        ("1. 1 tablet", "1 tablet", ("1", 1), "1"),
        ("**Dose:** 5 mg", "Dose: 5 mg", ("5", 0), "5"),
        ('<td colspan="5">5</td><td>mg</td>', "5 mg", ("5", 1), "5"),
        ('<td>5</td><td colspan="5">mg</td>', "5 mg", ("5", 0), "5"),
        ("| AST | 25 | 5-40 |", "AST 25 5-40", ("25", 0), "25"),
        ("p &lt;0.5 mg", "p <0.5 mg", ("0.5", 0), "<0.5"),
        ("50\\% of it", "50% of it", ("5", 0), "50%"),
        ("다음 500 mg\n다음 300 mg", "다음 500 mg / 다음 300 mg", ("3", 0), "300"),
        ('[{"bbox_2d": [12, 40, 90, 12], "text": "12 mg"}]', "12 mg", ("12", 2), "12"),
        ("<|ref|>text<|/ref|><|det|>[[12, 40, 9, 9]]<|/det|>\n12 mg", "12 mg", ("12", 1), "12"),
        ("가 <5 and 6> 나", "가 <5 and 6> 나", ("5", 0), "<5"),
        ("a <b 5 c> d", "a <b 5 c> d", ("5", 0), "5"),
        ("of 10 and 1", "of 10 and 1", ("1", 1), "1"),
    ],
)
def test_the_token_that_wrote_a_word_is_the_one_that_counts(
    text: str, lines: str, doubtful_at: tuple[str, int], doubtful: str
) -> None:
    found = scores(lines, unlikely_at(text, *doubtful_at))

    assert found == {word: 0.3 if word == doubtful else RULES.ceiling for word in lines.replace(" / ", " ").split()}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("1. 1 tablet", "1 tablet"),
        ('<td colspan="5">5</td><td>mg</td>', "5 mg"),
        ('[{"bbox_2d": [12, 40, 90, 12], "text": "12 mg"}]', "12 mg"),
    ],
)
def test_markup_costs_a_word_nothing(text: str, lines: str) -> None:
    assert set(scores(lines, unlikely_at(text, lines.split(maxsplit=1)[0])).values()) == {RULES.ceiling}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("WBC $10^{3}$/uL high", "10³/uL"),
        ("dose 5 \\mu g once", "μg"),
        ("area x<sup>2</sup> square", "x²"),
        ("진단 **당뇨**병 의심", "당뇨병"),
        ("tick <input type=checkbox checked> here", "☑"),
    ],
)
def test_a_word_put_together_from_markup_is_worth_what_stands_between_its_neighbours(text: str, word: str) -> None:
    first, last = text.split(maxsplit=1)[0], text.rsplit(maxsplit=1)[-1]
    lines = f"{first} 5 {word} {last}" if " 5 " in text else f"{first} {word} {last}"
    letter = next(at for at in range(len(first) + 1, len(text)) if text[at].isalnum() and text[at] != "5")

    assert scores(lines, written(text, {letter: 0.4}))[word] == 0.4


@pytest.mark.parametrize(
    ("text", "lines", "lost"),
    [
        ("a b", "a gone b", {"gone"}),
        ("one two three four five six", "gone one two three four five six", {"gone"}),
        ("one two three four five six gone", "gone one two three four five six", {"gone"}),
        ("dose 5 mg", "dose 7 mg", {"7"}),
        ("각", "가", {"가"}),
        ("", "gone", {"gone"}),
        ("x", "\\", {"\\"}),
    ],
)
def test_a_word_that_was_not_written_has_no_score_and_takes_nobody_elses(text: str, lines: str, lost: set[str]) -> None:
    found = scores(lines, written(text))

    assert {word for word, score in found.items() if score is None} == lost


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_letters_are_the_same(form: str) -> None:
    text = unicodedata.normalize(form, "환자 100mg café 끝")  # type: ignore[arg-type]
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "환자 100mg café 끝")
    at = text.index("1")

    found = scores(other, written(text, {at: 0.3}))

    assert list(found.values()) == [RULES.ceiling, 0.3, RULES.ceiling, RULES.ceiling]


def test_a_character_in_pieces_is_worth_its_least_likely_piece() -> None:
    pieces = (
        Token("의 ", -0.01),
        Token("", math.log(0.4)),
        Token("", -0.01),
        Token("환자", -0.01),
        Token(" 정", -0.01),
    )

    assert scores("의 환자 정", Transcript(pieces)) == {"의": RULES.ceiling, "환자": 0.4, "정": RULES.ceiling}


def test_a_word_whose_probability_nobody_told_is_unscored() -> None:
    silent = Transcript((Token("no", None), Token(" pain", -0.01), Token(" here", math.nan)))
    block = page_blocks([ParsedBlock(("no pain here",))], silent)[0]

    assert [(word.confidence, word.doubts) for word in block.lines[0].words] == [
        (RULES.unscored, ("unscored",)),
        (RULES.ceiling, ()),
        (RULES.unscored, ("unscored",)),
    ]


def test_lines_and_blocks_follow_and_empty_ones_are_left_out() -> None:
    parsed = [
        ParsedBlock(("", "  ")),
        ParsedBlock(("Name 홍길동", "", "Age 60"), "table"),
        ParsedBlock(()),
        ParsedBlock(("end",)),
    ]
    blocks: tuple[Block, ...] = page_blocks(parsed, written("Name 홍길동 Age 60 end"))

    assert [(block.kind, block.text) for block in blocks] == [("table", "Name 홍길동\nAge 60"), ("text", "end")]
    assert page_blocks([], written("")) == ()


@pytest.mark.parametrize(
    ("pieces", "confidence"),
    [
        ([("5", -0.01)], RULES.ceiling),
        ([("5", math.log(0.6)), ("0", math.log(0.3)), ("0", -0.01), ("mg", -0.01)], 0.3),
        ([("500", -0.01), ("mg", math.log(0.2))], 0.2),
        ([("Amlo", -0.01), ("dip", math.log(0.5)), ("ine", -0.01)], 0.5),
        ([("Oto", -0.01), ("rhinolaryngologica", -0.01), ("l", math.log(0.1)), ("ly", -0.01)], RULES.ceiling),
        ([("Otorhinolaryngologica", math.log(0.6)), ("l", math.log(0.1))], 0.6),
        ([("a", -math.inf)], 0.0),
        ([("a", 0.5)], RULES.ceiling),
        ([("a", None)], None),
        ([], None),
    ],
)
def test_the_least_likely_token_counts_and_one_letter_in_a_very_long_word_does_not(
    pieces: list[tuple[str, float | None]], confidence: float | None
) -> None:
    assert confidence_of([Piece(*piece) for piece in pieces], RULES) == (
        None if confidence is None else pytest.approx(confidence)
    )


@given(
    st.lists(st.sampled_from(["5", "50", "mg", "정", "1일", "I10", "a", "<5", "|", "&", "1."]), max_size=30),
    st.lists(st.sampled_from([" ", "\n", " | ", "</td><td>", " **", "\n1. "]), min_size=30, max_size=30),
)
def test_every_written_word_is_found_whatever_markup_stands_between(words: list[str], markup: list[str]) -> None:
    text = "".join(f"{gap}{word}" for gap, word in zip(markup, words, strict=False))
    blocks = page_blocks([ParsedBlock((" ".join(words),))], written(text))

    found = [word for block in blocks for line in block.lines for word in line.words]
    assert [word.text for word in found] == words
    assert all(word.confidence == RULES.ceiling for word in found)


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=6))
def test_any_text_and_any_lines_give_words_with_probabilities(text: str, lines: list[str]) -> None:
    tokens = tuple(Token(sign, -0.1) for sign in text)
    blocks = page_blocks([ParsedBlock(tuple(lines))], Transcript(tokens))

    assert [word.text for block in blocks for line in block.lines for word in line.words] == " ".join(lines).split()
