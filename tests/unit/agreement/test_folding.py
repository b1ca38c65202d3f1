"""Which differences between two readings of a word count."""

from __future__ import annotations

import pytest

from ocr_pipeline.recognition.agreement.folding import figures, fold, is_code_misread


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("“500mg”", '"500mg"'),
        ("10\u201320", "10-20"),
        ("㎎", "mg"),
        ("℃", "°C"),
        ("①", "1"),
        ("Lane,", "Lane."),
        ("(주)", "주"),
        ("1.", "1"),
        ("850920-2******", "850920-2*****"),
        ("·", "•"),
        ("☐", "□"),
        ("4\u223c10", "4~10"),
    ],
)
def test_forms_of_a_character_and_punctuation_around_a_word_do_not_count(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5.0", "50"),
        (".5", "5"),
        ("-2", "2"),
        ("<5", "5"),
        (">40", "40"),
        ("mg", "g"),
        ("mL", "ml"),
        ("I10", "110"),
        ("2+", "2"),
        ("(+)", "(-)"),
        ("1,000", "1.000"),
        ("10²", "10³"),
        ("음성", "양성"),
        ("☑", "□"),
        ("-", "."),
    ],
)
def test_digits_points_signs_units_and_case_count(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize("text", ["-", "...", ")", "|", "·"])
def test_punctuation_alone_stays(text: str) -> None:
    assert fold(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("500mg/병", ("500",)),
        ("12.5", ("12.5",)),
        ("120/80", ("120/80",)),
        ("제9조제1항에", ("9", "1")),
        ("B12", ("12",)),
        ("HbA1c", ()),
        ("약", ()),
    ],
)
def test_figures(text: str, numbers: tuple[str, ...]) -> None:
    assert figures(text) == numbers


@pytest.mark.parametrize(
    ("code", "read", "misread"),
    [
        ("I10", "110", True),
        ("I63.5", "163.5", True),
        ("S43.02", "543.02", True),
        ("I10", "111", False),
        ("I10", "I10", False),
        ("J10", "110", False),
        ("I63.5", "163.6", False),
        ("Ing", "1ng", False),
        ("I10", "", False),
    ],
)
def test_a_misread_first_letter_of_a_disease_code(code: str, read: str, *, misread: bool) -> None:
    assert is_code_misread(code, read) is misread
