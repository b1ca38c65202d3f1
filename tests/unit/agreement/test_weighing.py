"""What a second reading does to the words of a first and to their page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_pipeline.domain.text import Box, PageText
from ocr_pipeline.recognition.agreement.agreement import Agreement, AgreementRules, agree
from ocr_pipeline.recognition.agreement.weighing import DISAGREED, UNCONFIRMED
from ocr_pipeline.recognition.assess import AssessmentRules, AssessPage
from tests.unit.agreement.readings import doubted, first_reading, second_reading, word

RULES = AgreementRules()
NOTE = """\
Patient: Hong Gildong, seen on 2026-03-04 for a follow up visit
Amlodipine 5 mg once daily and Metformin 500 mg twice daily with meals
Blood pressure 128/82 at rest, weight stable, no swelling of the ankles
Potassium 4.1 mmol/L and sodium 139, both within the range of the laboratory
Continue as before; come back in three months or earlier if needed"""


def weigh(first: str, second: str, trust: tuple[float, float] = (0.9, 0.95)) -> Agreement:
    return agree(first_reading(first, trust[0]), second_reading(second, trust[1]), RULES)


def lowest(page: PageText) -> float:
    return min(word.confidence for word in page.words)


def test_two_readers_who_see_the_same_are_surer_than_either() -> None:
    found = weigh(NOTE, NOTE, (0.8, 0.9))

    assert {round(word.confidence, 6) for word in found.page.words} == {0.98}
    assert (doubted(found.page), found.page.notes) == ([], ())
    assert (found.reliability, found.differ, found.unseen, found.missed) == (1.0, 0.0, 0.0, 0.0)


def test_agreement_never_makes_certain_and_never_costs() -> None:
    assert lowest(weigh("pain", "pain", (0.99, 0.99)).page) == 1 - RULES.words.shared
    assert lowest(weigh("pain", "pain", (0.999, 0.1)).page) == 0.999


def test_other_spaces_are_no_disagreement() -> None:
    found = weigh("아스피린 정 100mg 하루 1회 복용", "아스피린정100mg 하루1회 복용")

    assert not doubted(found.page)
    assert lowest(found.page) > 0.9


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("500", "300"),
        ("2026-03-04", "2026-03-09"),
        ("128/82", "123/82"),
        ("4.1", "41"),
        ("139,", "189,"),
        ("mg", "g"),
        ("mg", "mL"),
        ("mmol/L", "mol/L"),
    ],
)
def test_a_field_that_differs_is_hardly_believed_and_the_page_says_so(right: str, wrong: str) -> None:
    found = weigh(NOTE.replace(right, wrong, 1), NOTE)

    altered = word(found.page, wrong)
    assert altered.doubts == (DISAGREED,)
    assert altered.confidence < 0.3
    assert doubted(found.page) == [wrong]
    assert "readers_disagree" in found.page.notes


def test_a_word_that_differs_is_doubtful_and_does_not_condemn_the_page() -> None:
    found = weigh(NOTE.replace("swelling", "swalling"), NOTE)

    assert doubted(found.page) == ["swalling"]
    assert word(found.page, "swalling").confidence == pytest.approx(0.75 - 0.25 * 0.95, abs=0.02)
    assert found.page.notes == ()


def test_a_second_reader_that_was_not_sure_weighs_less() -> None:
    sure = weigh(NOTE.replace("128/82", "123/82"), NOTE)
    unsure = weigh(NOTE.replace("128/82", "123/82"), NOTE.replace("128/82", "128/82@0.4"))

    assert word(sure.page, "123/82").confidence < word(unsure.page, "123/82").confidence < 0.6
    assert unsure.page.notes == ()
    assert weigh("pain 5", "pain 6@0.1").page.notes == ()


def test_a_disease_code_whose_first_letter_the_second_reader_took_for_a_digit_is_left_alone() -> None:
    first = NOTE + "\nHypertension I10 and pneumonia J18.9"
    found = weigh(first, first.replace("I10", "110"))

    assert not doubted(found.page)
    assert word(found.page, "I10").confidence == 0.9
    assert doubted(weigh(first, first.replace("I10", "I11")).page) == ["I10"]


def test_words_the_second_reader_did_not_see_are_unconfirmed() -> None:
    found = weigh(NOTE, NOTE.replace(" once", "").replace(" 128/82", ""))

    assert word(found.page, "once").doubts == word(found.page, "128/82").doubts == (UNCONFIRMED,)
    assert word(found.page, "128/82").confidence < word(found.page, "once").confidence < 0.7
    assert found.page.notes == ()


def test_a_line_nobody_else_saw_is_noted() -> None:
    invented = "Start warfarin five tablets every night"
    found = weigh(f"{NOTE}\n{invented}", NOTE)

    assert doubted(found.page) == invented.split()
    assert found.page.notes == ("readers_disagree",)


def test_a_line_the_first_reader_lost_is_noted() -> None:
    lines = NOTE.splitlines()
    found = weigh("\n".join(lines[:3] + lines[4:]), NOTE)

    assert found.page.notes == ("text_missed",)
    assert found.missed == pytest.approx(0.2, abs=0.03)


def test_a_word_the_first_reader_lost_puts_its_neighbours_in_doubt() -> None:
    found = weigh(NOTE.replace("no swelling", "swelling"), NOTE.replace("no swelling", "not swelling"))

    assert doubted(found.page) == ["stable,", "swelling"]
    assert word(found.page, "swelling").doubts == ("text_missed",)
    assert found.page.notes == ()


def test_a_number_the_first_reader_lost_is_noted() -> None:
    assert weigh(NOTE.replace(" 139,", ""), NOTE).page.notes == ("text_missed",)


@pytest.mark.parametrize("speck", ["|", "·", "a", "xy@0.5", "12@0.6"])
def test_specks_and_guesses_are_no_missed_text(speck: str) -> None:
    found = weigh(NOTE, NOTE.replace("at rest", f"at {speck} rest"))

    assert (doubted(found.page), found.page.notes) == ([], ())


def test_a_reader_of_garbage_contradicts_nobody_and_confirms_nothing() -> None:
    garbage = " ".join(
        f"{word}@0.3"
        for word in [
            "q",
            "zx",
            "kj",
            "wv",
            "bn",
            "mq",
            "px",
            "tz",
            "rr",
            "lk",
            "ffg",
            "hj",
            "kl",
            "mn",
            "bv",
            "cx",
            "zs",
            "dq",
            "we",
            "rt",
        ]
    )
    found = weigh(NOTE, garbage)

    assert found.reliability == 0
    assert {word.doubts for word in found.page.words} == {(UNCONFIRMED,)}
    assert {word.confidence for word in found.page.words} == {RULES.words.unverified}
    assert found.page.notes == ()


def test_a_reader_of_garbage_places_nothing() -> None:
    garbage = " ".join(f"{part}@0.3" for part in NOTE.split()[:4])
    found = weigh(NOTE, f"{garbage} zx@0.3 kj@0.3")

    assert found.reliability == 0
    assert all(word.box is None for word in found.page.words)
    assert (found.page.width, found.page.rotation) == (1000, 0)


def test_two_sure_readers_of_different_texts_are_noted() -> None:
    other = "\n".join("entirely other words stand here and nothing of it is known" for _ in range(4))
    found = weigh(NOTE, other)

    assert set(found.page.notes) == {"text_missed", "readers_disagree"}
    assert max(word.confidence for word in found.page.words) <= 0.9


def test_an_unscored_word_is_vouched_for_by_the_second_reader() -> None:
    first = first_reading("strong pain in the left side of the chest since yesterday", 0.5)
    blocks = tuple(
        replace(
            block,
            lines=tuple(
                replace(line, words=tuple(replace(word, doubts=("unscored", "other")) for word in line.words))
                for line in block.lines
            ),
        )
        for block in first.blocks
    )
    found = agree(
        replace(first, blocks=blocks),
        second_reading("strong pain in the left side of the ghost since yesterday"),
        RULES,
    )

    assert word(found.page, "pain").doubts == ("other",)
    assert word(found.page, "pain").confidence == pytest.approx(0.975)
    assert word(found.page, "chest").doubts == ("unscored", "other", DISAGREED)


def test_boxes_and_the_page_they_lie_on_come_from_the_second_reader() -> None:
    found = weigh("처방전 복용량 5 - 40 mg 없음", "처 방 전 복용량 5-40 mq").page

    assert (found.width, found.height, found.rotation, found.skew) == (700, 990, 90, 0.5)
    assert word(found, "처방전").box == Box(0, 0, 50, 20)
    assert word(found, "5").box == word(found, "40").box == Box(100, 0, 140, 20)
    assert word(found, "mg").box == Box(150, 0, 170, 20)
    assert word(found, "없음").box is None


def test_a_first_reader_with_boxes_keeps_its_own() -> None:
    found = agree(second_reading("pain"), replace(second_reading("so much pain"), rotation=0), RULES).page

    assert (found.rotation, word(found, "pain").box) == (90, Box(0, 0, 40, 20))


def test_without_a_single_partner_the_page_stays_as_the_first_reader_left_it() -> None:
    found = weigh("pain", "").page
    assert (found.width, found.rotation, found.skew) == (1000, 0, 0.0)


def test_ink_is_taken_where_the_first_reader_did_not_measure() -> None:
    assert agree(first_reading("", ink=None), second_reading("", ink=0.0), RULES).page.ink == 0.0
    assert agree(first_reading("", ink=0.2), second_reading("", ink=0.1), RULES).page.ink == 0.2


def test_both_engines_and_the_first_ones_notes_are_kept() -> None:
    first = replace(first_reading("pain"), notes=("truncated", "text_missed"))
    found = agree(first, second_reading("pain and ten other words that the first one never saw"), RULES).page

    assert found.engine == "model + engine"
    assert found.notes == ("truncated", "text_missed", *found.notes[2:])
    assert found.notes.count("text_missed") == 1


def test_an_empty_page_on_both_sides() -> None:
    found = weigh("", "")
    assert (found.page.is_empty, found.page.notes, found.reliability) == (True, (), 0.0)


def test_a_contradicted_dose_sends_the_page_to_a_person_and_an_honest_page_does_not() -> None:
    assess = AssessPage(AssessmentRules())
    ink = 0.05

    honest = assess(replace(weigh(NOTE, NOTE).page, ink=ink))
    wrong = assess(replace(weigh(NOTE.replace("500 mg", "300 mg"), NOTE).page, ink=ink))

    assert (honest.confidence > 0.95, honest.reasons) == (True, ())
    assert wrong.confidence < 0.5
    assert "doubtful_field" in wrong.reasons
