"""Words of two readings find each other, in whatever order and grouping."""

from __future__ import annotations

import random

import pytest

from ocr_pipeline.recognition.agreement.alignment import Alignment, Kind, align
from ocr_pipeline.recognition.agreement.folding import FoldedPage
from tests.unit.agreement.readings import first_reading, second_reading

MARKS = {Kind.AGREE: "=", Kind.SPACING: "~", Kind.DIFFER: "x", Kind.UNSEEN: "?"}


def aligned(first: str, second: str) -> tuple[str, list[str]]:
    """A mark for each word of the first text, and the words of the second that nobody matched."""
    folded, other = FoldedPage.of(first_reading(first)), FoldedPage.of(second_reading(second))
    found = align(folded, other)
    assert_sound(found, len(folded.words), len(other.words))
    return "".join(MARKS[match.kind] for match in found.matches), [other.words[at].text for at in found.missed]


def assert_sound(found: Alignment, first: int, second: int) -> None:
    partners = {at for match in found.matches for at in match.partners}
    assert len(found.matches) == first
    assert partners.isdisjoint(found.missed)
    assert partners | set(found.missed) == set(range(second))
    assert all(bool(match.partners) is (match.kind is not Kind.UNSEEN) for match in found.matches)


@pytest.mark.parametrize(
    ("first", "second", "marks", "missed"),
    [
        ("", "", "", []),
        ("a b", "", "??", []),
        ("", "a b", "", ["a", "b"]),
        ("take 500mg twice", "take 500mg twice", "===", []),
        ("take 500mg twice", "take 300mg twice", "=x=", []),
        ("3", "8", "x", []),
        ("아스피린 정 100mg", "아스피린정100mg", "~~~", []),
        ("아스피린정100mg", "아스피린 정 100mg", "~", []),
        ("아스피린 정 100mg 1일", "아스피린정109mg 1일", "~~x=", []),
        ("등록 번호: 123", "등록번호 : 123", "~~=", [":"]),
        ("4.0 - 5.6 mg", "4.0-5.6 mg", "~~~=", []),
        ("처방전 성명", "처 방 전 성명", "~=", []),
        ("진 료 비 계 산 서 성명", "진료비계산서 성명", "~~~~~~=", []),
        ("do not take with milk", "do take with milk", "=?===", []),
        ("do take with milk", "do not take with milk", "====", ["not"]),
        ("정 정 정 정", "정 정 정", "===?", []),
        ("dose 5 10 mg", "dose 510 mg", "=xx=", []),
        ("dose 510 mg", "dose 5 10 mg", "=x=", []),
        ("제1호 서식", "제1호서식", "~~", []),
        ("glucose 67 L g/dL 70-99", "glucose 67 mg/dL 70-99", "==xx=", []),
        ("take 5 mg now\nthree times a day", "take 3 mg now\nthree times a day\n5", "=x======", ["5"]),
        ("ALT U/L 0 - 40 end", "ALT UL 5-40 end\n0", "=xxx~=", ["0"]),
    ],
)
def test_words_find_their_partners(first: str, second: str, marks: str, missed: list[str]) -> None:
    assert aligned(first, second) == (marks, missed)


def test_line_breaks_do_not_matter() -> None:
    assert aligned("환자의 성명 정자차\n성별 여 나이 60세", "환자의\n성명 정자차 성별\n여 나이 60세") == ("=======", [])


def test_columns_read_one_after_the_other_or_across() -> None:
    down = "fever for three days\nno cough at night\n\nblood count normal\nchest film clear"
    across = "fever for three days blood count normal\nno cough at night chest film clear"
    assert aligned(down, across) == ("=" * 14, [])


def test_a_misread_word_at_the_end_of_a_column_is_found() -> None:
    down = "fever for three days\nno cough at night\n\nblood count normal\nchest film clear"
    across = "fever for three bays blood count normal\nno cough at right chest film clear"
    marks, missed = aligned(down, across)
    assert (marks, missed) == ("===x===x======", [])


@pytest.mark.parametrize(
    ("rows", "cells"),
    [("AST 25 U/L\nALT 31 U/L\nGGT 47 U/L", "AST\nALT\nGGT\n25\n31\n47\nU/L\nU/L\nU/L")],
)
def test_a_table_read_by_rows_or_by_columns(rows: str, cells: str) -> None:
    assert aligned(rows, cells) == ("=========", [])
    assert aligned(cells, rows) == ("=========", [])


def test_two_results_that_changed_rows_differ_though_each_is_on_both_pages() -> None:
    rows = "AST 25 U/L 5-40\nALT 31 U/L 5-41\nGGT 47 U/L 8-61\nALP 99 U/L 40-130"
    swapped = rows.replace("31", "??").replace("99", "31").replace("??", "99")
    assert aligned(swapped, rows) == ("=====x=======x==", [])


def test_results_with_units_that_changed_rows_differ_too() -> None:
    rows = "glucose 5.4 mmol\nsodium 141 mmol\nurea 6.1 mg"
    swapped = "glucose 141 mmol\nsodium 5.4 mmol\nurea 6.1 mg"
    assert aligned(swapped, rows) == ("=x==x====", [])


@pytest.mark.parametrize(
    ("first", "second", "marks"),
    [
        ("AST 199 foo\nGGT 47 8-61\nALP 125 bar", "AST 125 xq\nGGT 47 8-61\nALP 199 zw", "=xx====xx"),
        ("dose 140 mg daily room 112", "dose 120 mg daily room 140", "=x===x"),
        ("dose 120 mg daily room 140", "dose 140 mg daily room 112", "=x===x"),
    ],
    ids=["exchanged, with nothing known to the right", "found at the end", "found in the middle"],
)
def test_a_value_that_stands_elsewhere_does_not_agree(first: str, second: str, marks: str) -> None:
    assert aligned(first, second) == (marks, [])


def test_a_value_that_took_the_place_of_one_found_elsewhere_does_not_agree() -> None:
    marks, missed = aligned(
        "urea was E78.5 mg today\nlipids raised 141 and pain", "urea was 141 mg today\nlipids raised and pain\nE78.5"
    )
    assert (marks, missed) == ("==x====?==", ["E78.5"])


def test_a_label_and_its_value_read_in_another_order_agree() -> None:
    assert aligned("DOB 1958-11-03 Acct 44712 Age 67", "Acct 44712 DOB 1958-11-03 Age 67") == ("======", [])


def test_a_line_that_one_reader_lost() -> None:
    lines = ["patient reports chest pain", "aspirin 100mg once daily", "review in two weeks"]
    assert aligned("\n".join(lines), "\n".join((lines[0], lines[2]))) == ("====????====", [])
    assert aligned("\n".join((lines[0], lines[2])), "\n".join(lines)) == ("========", lines[1].split())


def test_a_misread_line_in_another_place_is_found_by_likeness() -> None:
    marks, missed = aligned(
        "head of page\nalpha beta gamma\nPneumonia organism unspecified\nomega sigma kappa\nfoot of page",
        "head of page\nomega sigma kappa\nPneumonla organlsm unspecifled\nalpha beta gamma\nfoot of page",
    )
    assert (marks, missed) == ("======xxx======", [])


def test_a_misread_word_among_others_in_another_place_is_found_by_likeness() -> None:
    marks, missed = aligned(
        "head of page\nalpha beta gamma\nPneumonia\nomega sigma kappa\nfoot of page",
        "head of page\nomega sigma kappa\nsome stamp Pneumonla was here\nalpha beta gamma\nfoot of page",
    )
    assert (marks, missed) == ("======x======", ["some", "stamp", "was", "here"])


def test_shuffled_lines_lose_no_agreement() -> None:
    chance = random.Random(5)
    lines = [" ".join(f"w{chance.randrange(60)}" for _ in range(8)) for _ in range(40)]
    shuffled = chance.sample(lines, len(lines))
    marks, _ = aligned("\n".join(lines), "\n".join(shuffled))
    assert marks.count("=") >= 0.98 * len(marks)


@pytest.mark.parametrize("texts", [["정"], ["a", "b", "c"], ["mg", "정", "1", "2", "정상"]])
def test_a_long_page_of_few_words_is_matched_within_bounds(texts: list[str]) -> None:
    chance = random.Random(7)
    first, second = (" ".join(chance.choice(texts) for _ in range(1500)) for _ in range(2))
    aligned(first, second)


def test_two_long_pages_with_nothing_in_common() -> None:
    chance = random.Random(11)
    first, second = (" ".join("".join(chance.choices("abcdefghij", k=5)) for _ in range(800)) for _ in range(2))
    marks, _ = aligned(first, second)
    assert marks.count("=") < len(marks) / 10
