"""Normalising, error rates, word bags and the causes of errors."""

from __future__ import annotations

import pytest

from ocr_pipeline.domain.measures import (
    Cause,
    character_error_rate,
    character_error_rate_without_spaces,
    edit_distance,
    errors_by_cause,
    normalise,
    word_precision,
    word_recall,
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  a\u00a0b\n\nc ", "a b c"),
        ("\u201c50\u339c\u201d \u2013 \u2018ok\u2019", "\"50mm\" - 'ok'"),
        ("\uff11\uff12\uff0d3", "12-3"),
        ("3\u00bd", "31/2"),
        ("\u1112\u1161\u11ab", "한"),
    ],
)
def test_normalise(text: str, plain: str) -> None:
    assert normalise(text) == plain


@pytest.mark.parametrize(
    ("truth", "read", "distance"),
    [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3), ("ab", "ba", 2)],
)
def test_edit_distance(truth: str, read: str, distance: int) -> None:
    assert edit_distance(truth, read) == distance


def test_error_rates_count_against_the_truth() -> None:
    assert character_error_rate("abcd", "abed") == pytest.approx(0.25)
    assert character_error_rate("ab", "abxxxx") == pytest.approx(2.0)
    assert character_error_rate("a\u2019b", "a'b\n") == 0.0
    assert character_error_rate("진 단 서", "진단서") == pytest.approx(0.4)
    assert character_error_rate_without_spaces("진 단 서", "진단서") == 0.0


def test_nothing_to_read_is_right_only_when_nothing_was_read() -> None:
    assert character_error_rate(" ", "") == 0.0
    assert character_error_rate("", "x") == 1.0


def test_word_bags_count_repeats() -> None:
    assert word_recall("a b b c", "b a x") == pytest.approx(0.5)
    assert word_precision("a b b c", "b a x") == pytest.approx(2 / 3)
    assert word_recall("", "x") == 1.0
    assert word_precision("x", "") == 1.0


@pytest.mark.parametrize(
    ("truth", "read", "causes"),
    [
        ("진 단 서", "진단서", {Cause.SPACING: 2}),
        ("성명 이다라", "|성명| 이다라", {Cause.RULING_BAR: 2}),
        ("람노스 500mg/병", "람노스 5009/병", {Cause.UNIT: 2}),
        ("0.5 mL daily", "0.5 mI daily", {Cause.UNIT: 1}),
        ("38,770 원", "38.770 원", {Cause.PUNCTUATION: 1}),
        ("I10", "110", {Cause.DIGIT: 1}),
        ("the Cat", "the cat", {Cause.CASE: 1}),
        ("조제료", "조재료", {Cause.HANGUL: 1}),
        ("modern", "modem", {Cause.GLYPH: 2}),
        ("AB cdefg hijkl YZ", "AB YZ", {Cause.MISSING: 10, Cause.SPACING: 2}),
        ("AB YZ", "AB cdefg hijkl YZ", {Cause.INVENTED: 10, Cause.SPACING: 2}),
    ],
)
def test_errors_are_sorted_by_cause(truth: str, read: str, causes: dict[Cause, int]) -> None:
    assert errors_by_cause(truth, read) == causes
