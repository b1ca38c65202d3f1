"""A page's confidence follows its worst parts, and nothing doubtful passes the review threshold."""

from __future__ import annotations

import pytest

from ocr_pipeline.domain.text import Block, Box, Line, PageText, Word
from ocr_pipeline.domain.verdicts import VerdictRules
from ocr_pipeline.recognition.confidence import ConfidenceRules, mark_doubts, page_confidence

RULES = ConfidenceRules()
THRESHOLD = VerdictRules().threshold


def page(*lines: str, confidence: float = 0.99) -> PageText:
    rows = tuple(Line(tuple(Word(part, confidence) for part in line.split())) for line in lines)
    return PageText((Block(rows),), "test", 1000, 1400)


def with_word(word: Word) -> PageText:
    return PageText((Block((Line((word, Word("daily", 0.99))),)),), "test", 1000, 1400)


def test_a_doubtful_word_is_capped_and_named() -> None:
    marked = mark_doubts(page("take 5OOmg daily"), RULES)

    assert [(word.confidence, word.doubts) for word in marked.words] == [(0.99, ()), (0.5, ("dose_unit",)), (0.99, ())]


def test_a_low_confidence_is_not_raised() -> None:
    assert next(mark_doubts(page("5OOmg", confidence=0.1), RULES).words).confidence == 0.1


@pytest.mark.parametrize(
    ("word", "doubts"),
    [
        (Word("500mg", 0.99), ()),
        (Word("500mg", 0.7), ("unsure_field",)),
        (Word("500mg", 0.95, doubts=("readers_disagree",)), ("readers_disagree", "unsure_field")),
        (Word("tablets", 0.7), ()),
        (Word("tablets", 0.9, doubts=("readers_disagree",)), ("readers_disagree",)),
    ],
)
def test_an_unsure_critical_word_is_doubtful_in_good_form(word: Word, doubts: tuple[str, ...]) -> None:
    assert next(mark_doubts(with_word(word), RULES).words).doubts == doubts


def test_a_column_heading_lends_its_meaning_to_the_lines_below() -> None:
    head, below = Word("상병코드", 0.9, Box(100, 10, 180, 30)), Word("110", 0.99, Box(120, 50, 150, 70))
    marked = mark_doubts(PageText((Block((Line((head,)), Line((below,)))),), "test", 1000, 1400), RULES)

    assert [word.doubts for word in marked.words] == [(), ("kcd_code",)]


def test_marking_twice_changes_nothing_more() -> None:
    once = mark_doubts(page("take 5OOmg daily", "질병분류기호 110"), RULES)

    assert mark_doubts(once, RULES) == once


@pytest.mark.parametrize("text", ["5OOmg", "질병분류기호 110", "DOB: 02/30/1965", "911316-1******"])
def test_a_page_with_one_doubtful_field_goes_to_review(text: str) -> None:
    lines = ["all of this is read very well indeed"] * 40
    found = page_confidence(mark_doubts(page(*lines, text, confidence=1.0), RULES), (), RULES)

    assert found.value < THRESHOLD
    assert found.reasons == ("doubtful_field",)


def test_a_well_read_page_passes() -> None:
    found = page_confidence(mark_doubts(page("take 500mg daily on 2024-03-05"), RULES), (), RULES)

    assert found.value == pytest.approx(0.99)
    assert found.reasons == ()


def test_a_few_bad_lines_weigh_more_than_the_mean_tells() -> None:
    words = [Line((Word("wellread", 0.98),))] * 17 + [Line((Word("badlyread", 0.3),))] * 3
    found = page_confidence(PageText((Block(tuple(words)),), "test", 10, 10), (), RULES)

    assert found.value == pytest.approx((17 * 8 * 0.98 + 3 * 9 * 0.3) / (17 * 8 + 3 * 9) / 3 + 0.2)
    assert found.value < THRESHOLD


def test_a_guard_caps_the_page_and_its_reason_comes_first() -> None:
    found = page_confidence(mark_doubts(page("5OOmg"), RULES), ("repetition_loop",), RULES)

    assert found.value == 0.2
    assert found.reasons == ("repetition_loop", "doubtful_field")


def test_an_empty_page_has_no_confidence() -> None:
    found = page_confidence(PageText((), "test", 10, 10, ink=0.0), (), RULES)

    assert (found.value, found.reasons) == (0.0, ())
