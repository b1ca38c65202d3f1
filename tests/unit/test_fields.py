"""Which readings of fields are doubted, and that the truth is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ocr_pipeline.domain.doubts import Doubt, doubts
from ocr_pipeline.domain.fields import (
    critical_kinds,
    date_in,
    has_right_check_digit,
    is_code,
    is_possible_date,
    is_resident_number,
)
from ocr_pipeline.domain.text import Box, Word

MOST_FALSE_ALARMS = 0.001


def line(text: str) -> list[Word]:
    return [Word(part, 0.99) for part in text.split()]


def doubted(text: str) -> dict[str, tuple[str, ...]]:
    words = line(text)
    return {word.text: names for word, names in zip(words, doubts(words), strict=True) if names}


@pytest.mark.parametrize(
    ("text", "word", "doubt"),
    [
        ("질병분류기호 110, E11.70", "110,", "kcd_code"),
        ("병명 (주) 뇌경색 분류번호 163.5", "163.5", "kcd_code"),
        ("주상병 E11.70 110", "110", "kcd_code"),
        ("Dx l10 hypertension", "l10", "kcd_code"),
        ("rhinitis J3O.3 today", "J3O.3", "kcd_code"),
        ("질병 분류 기호 J30,3", "J30,3", "kcd_code"),
        ("주민등록번호 911316-1******", "911316-1******", "resident_number"),
        ("주민등록번호 91O916-1******", "91O916-1******", "resident_number"),
        ("주민등록번호 91091-1******", "91091-1******", "resident_number"),
        ("주민등록번호 900101-1234567", "900101-1234567", "resident_number"),
        ("채취일시 2026-13-21", "2026-13-21", "date"),
        ("DOB: 02/30/1965", "02/30/1965", "date"),
        ("발급일 2926.03.05.", "2926.03.05.", "date"),
        ("발병 연월일 2026년 3월 34일", "34일", "date"),
        ("2026년 13월 4일", "13월", "date"),
        ("채취 09:78", "09:78", "time"),
        ("take 5OOmg daily", "5OOmg", "dose_unit"),
        ("Mobic 500rng daily", "500rng", "dose_unit"),
        ("Mobic 15 rng once a day", "rng", "dose_unit"),
        ("Mobic l5 mg once a day", "l5", "dose_unit"),
        ("take 05 mg at night", "05", "dose_unit"),
        ("람노스캡슐5009/병 1 3 3", "람노스캡슐5009/병", "dose_unit"),
        ("유메이드정 2009 1.5 2 30", "2009", "dose_unit"),
        ("Ibuprofen 50009 twice daily", "50009", "dose_unit"),
        ("WBC 1O.5", "1O.5", "digit_letter_mix"),
        ("on 2O26-03-05", "2O26-03-05", "digit_letter_mix"),
        ("합계 237,110 480.780 118,300", "480.780", "digit_grouping"),
        ("합계 237,110 48,78", "48,78", "digit_grouping"),
        ("납부 355.410 원", "355.410", "digit_grouping"),
        ("전화번호 02-000-025", "02-000-025", "phone_number"),
        ("BP: 12/78 mmHg", "12/78", "vital_sign"),
        ("혈압 80/120", "80/120", "vital_sign"),
        ("체온 365", "365", "vital_sign"),
        ("HR: 1100 bpm", "1100", "vital_sign"),
        ("병명 비염 분류번호 J]30.3", "J]30.3", "kcd_code"),
        ("요산 53 mg/dL 3.4 ~ 7", "53", "lab_result"),
        ("요산 0.53 mg/dL 3.4~7", "0.53", "lab_result"),
        ("혈색소 (Hb) 13.8 H g/dL 14 ~ 17", "13.8", "lab_result"),
        ("MCV 87.8 L fL 80.0 - 100.0", "87.8", "lab_result"),
    ],
)
def test_a_wrong_reading_is_doubted(text: str, word: str, doubt: str) -> None:
    assert doubt in doubted(text).get(word, ())


@pytest.mark.parametrize(
    "text",
    [
        "질병분류기호 J39, M53.95 처방 의료인 의사",
        "I10 O10.0 S43.02 S72.001A M1A.0",
        "HR: 110 bpm BP: 125/78 mmHg T: 101.5°F",
        "키 163.5 cm 체중 110 kg",
        "주민등록번호 910916-1****** 진료과목",
        "람노스캡슐500mg/병 1 3 3 12시간마다",
        "유메이드정 200mg/병 1.5 2 30 식전 30분",
        "Vitamin B12 1000IU CO2 27 PO2 90 O2 L5-S1 5 mL 10l",
        "교부번호 2026년 9월 28일 제 76990 호",
        "18개월 32일간 2024.03.05. 1:80 24:00",
        "합계 237,110 480,780 0.5 12.34",
        "전화: 02-0000-8498 1588-0000 (555) 123-4567",
        "published in 2009 and 1959, page 509",
        "In 2009 every patient",
        "arthritis (M06.9) hydroxychloroquine 200 mg",
        "요산 5.3 mg/dL 3.4 ~ 7",
        "당화혈색소 (HbA1c) 6.6 H % 4 ~ 6",
        "AST (GOT) 480 H U/L 0 ~ 40",
        "총콜레스테롤 246 mg/dL 0 ~ 200",
    ],
)
def test_a_right_reading_is_not_doubted(text: str) -> None:
    assert doubted(text) == {}


def test_a_heading_above_tells_what_a_column_holds() -> None:
    head = Word("상병코드", 0.9, Box(100, 10, 180, 30))
    below, beside = Word("110", 0.99, Box(120, 50, 150, 70)), Word("110", 0.99, Box(300, 50, 330, 70))
    higher = Word("110", 0.99, Box(120, 0, 150, 20))

    assert doubts([below, beside], above=[head]) == (("kcd_code",), ())
    assert doubts([higher], above=[head]) == ((),)


@pytest.mark.parametrize(("number", "right"), [("9001011234568", True), ("900101-1234567", False)])
def test_check_digit(number: str, right: bool) -> None:
    assert has_right_check_digit(number) is right


def test_a_number_given_out_after_october_2020_has_no_check_digit() -> None:
    assert has_right_check_digit("201006-3000000")
    assert has_right_check_digit("201006-3000001")


def test_forms() -> None:
    assert is_code("I63.5")
    assert not is_code("163.5")
    assert is_resident_number("900101-1******")
    assert not is_resident_number("900230-1******")
    assert date_in("03/05/2024") == (2024, 3, 5)
    assert date_in("3.5") is None
    assert is_possible_date(2024, 2, 29)
    assert not is_possible_date(2023, 2, 29)


def test_critical_words_are_told_apart() -> None:
    text = "질병분류기호 J39, take 15 mg on 2024-03-05 or 2026년 3월 9일 900101-1******"

    assert [kind or "-" for kind in critical_kinds(text.split())] == (
        ["-", "code", "-", "dose", "dose", "-", "date", "-", "date", "date", "date", "resident_number"]
    )


def test_signs_that_only_look_like_digits_do_no_harm() -> None:
    assert has_right_check_digit("900101-1²²²²²²")


def test_a_word_too_long_for_a_field_is_passed_over() -> None:
    assert doubted("5O" * 5000) == {}


def test_a_low_flag_is_no_litre() -> None:
    assert critical_kinds(["RBC", "3.62", "L", "10^6/uL"])[:3] == (None, None, None)
    assert critical_kinds(["give", "2", "L", "of", "saline"])[1:3] == ("dose", "dose")


def test_true_texts_raise_hardly_any_doubt() -> None:
    root = os.environ.get("OCR_TEST_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip("OCR_TEST_DATA does not name a folder of documents with ground truth")
    lines = [line(text) for path in Path(root).glob("*/*.gt.txt") for text in path.read_text("utf-8").splitlines()]
    alarms = sum(1 for words in lines for names in doubts(words) if names)

    assert alarms <= MOST_FALSE_ALARMS * sum(map(len, lines))


@pytest.mark.parametrize(
    ("text", "doubtful"), [("103/uL", True), ("x106/μL", True), ("10^3/uL", False), ("x10μL", True), ("U/L", False)]
)
def test_a_power_of_ten_that_lost_its_exponent_is_doubted(text: str, doubtful: bool) -> None:
    assert (Doubt.RESULT_UNIT.value in doubts([Word(text, 0.99)])[0]) is doubtful


@pytest.mark.parametrize(
    ("text", "doubtful"),
    [
        ("/2026", True),
        ("03/01./2026", True),
        ("03//01/2026", True),
        ("03/01/2026", False),
        ("2026", False),
        ("1/2", False),
    ],
)
def test_pieces_and_breaks_of_dates_are_doubted(text: str, doubtful: bool) -> None:
    assert (Doubt.DATE.value in doubts([Word(text, 0.99)])[0]) is doubtful


@pytest.mark.parametrize(
    ("text", "doubted_word"),
    [
        ("폐렴 (]18.9)", "(]18.9)"),
        ("폐렴 ]18.9", "]18.9"),
        ("폐렴 (J18.9)", None),
        ("이부프로펜정 200mg IT 3 7", "IT"),
        ("이부프로펜정 200mg 1T 3 7", None),
        ("ask the IT department", None),
        ("see [12] and (10)", None),
        ("Diagnosis J20.9 Phone (555) 555-0119", None),
    ],
)
def test_a_bracket_for_a_letter_and_a_letter_for_one_tablet_are_doubted(text: str, doubted_word: str | None) -> None:
    words = [Word(each, 0.99) for each in text.split()]
    found = [word.text for word, names in zip(words, doubts(words), strict=True) if names]
    assert found == ([] if doubted_word is None else [doubted_word])
