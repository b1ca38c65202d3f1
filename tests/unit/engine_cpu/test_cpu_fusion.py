"""Which reader is believed, and that no disagreement about digits passes as certain."""

import pytest

from ocr_pipeline.adapters.engines.cpu.alignment import align
from ocr_pipeline.adapters.engines.cpu.fusion import DISAGREED, Judged, arbitrate
from ocr_pipeline.adapters.engines.cpu.readings import Glyph


def _read(text: str, confidence: float = 0.95, width: float = 20.0) -> list[Glyph]:
    glyphs, spaced, left = [], False, 0.0
    for letter in text:
        if letter == " ":
            spaced = True
        else:
            wide = width * 2 if "\uac00" <= letter <= "\ud7a3" else width
            glyphs.append(Glyph(letter, confidence, left, left + wide, spaced))
            spaced = False
            left += wide
    return glyphs


def _text(judged: list[Judged]) -> str:
    return "".join(f" {item.glyph.text}" if item.glyph.spaced else item.glyph.text for item in judged)


def _doubted(judged: list[Judged]) -> bool:
    return any(DISAGREED in item.doubts for item in judged)


def test_agreement_is_surer_than_either_reader() -> None:
    judged = arbitrate(_read("500mg", 0.8), _read("500mg", 0.9))
    assert _text(judged) == "500mg"
    assert not _doubted(judged)
    assert min(item.glyph.confidence for item in judged) > 0.95


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("50009", "500mg"),
        ("110", "I10"),
        ("163.5", "I63.5"),
        ("53", "5.3"),
        ("5.3", "53"),
        ("100", "10"),
        ("1,000", "1.000"),
    ],
)
def test_disagreement_about_digits_is_never_certain(first: str, second: str) -> None:
    judged = arbitrate(_read(first, 0.99), _read(second, 0.99))
    assert _doubted(judged)
    assert min(item.glyph.confidence for item in judged) < 0.7


@pytest.mark.parametrize(("first", "second"), [("50009", "500mg"), ("110", "I10"), ("C0re", "Core"), ("53", "5.3")])
def test_pp_ocr_is_believed_about_latin(first: str, second: str) -> None:
    assert _text(arbitrate(_read(first), _read(second))) == second


def test_hangul_stands_against_chinese_look_alikes() -> None:
    judged = arbitrate(_read("람노스500mg"), [*_read("鲁上丘", 0.4, 40), *(_shift(_read("500mg", 0.99), 120))])
    assert _text(judged) == "람노스500mg"
    assert not _doubted(judged)


def test_one_letter_never_replaces_a_sure_syllable() -> None:
    assert _text(arbitrate(_read("을", 0.7), [*_read("g", 0.99)])) != ""
    assert _text(arbitrate(_read("A을", 0.95), _read("Ag", 0.99))) == "A을"


def test_latin_read_as_hangul_gives_way() -> None:
    assert _text(arbitrate(_read("다", 0.5), _read("CT", 0.99))) == "CT"


def test_what_only_pp_ocr_saw_counts_when_sure() -> None:
    assert _text(arbitrate([], _read("1.5", 0.98))) == "1.5"
    assert arbitrate([], _read("1.5", 0.4)) == []
    assert _doubted(arbitrate([], _read("1.5", 0.98)))


def test_a_character_invented_between_agreed_ones_is_dropped_and_doubted() -> None:
    judged = arbitrate(_read("Hb6A1c"), _read("HbA1c"))
    assert _text(judged) == "HbA1c"
    assert _doubted(judged)


def test_alignment_covers_both_readings_in_order() -> None:
    pairs = align(_read("abcd"), _read("axd"))
    assert [one.text for one, _ in pairs if one] == list("abcd")
    assert [two.text for _, two in pairs if two] == list("axd")


def _shift(glyphs: list[Glyph], by: float) -> list[Glyph]:
    return [Glyph(glyph.text, glyph.confidence, glyph.left + by, glyph.right + by, glyph.spaced) for glyph in glyphs]


def test_too_few_letters_never_replace_syllables() -> None:
    first = [*_read("x", 0.99), *_shift(_read("가나", 0.5), 20), *_shift(_read("x", 0.99), 100)]
    second = [*_read("x", 0.99), *_shift(_read("Ab", 0.99, 40), 20), *_shift(_read("x", 0.99), 100)]
    assert _text(arbitrate(first, second)) == "x가나x"


def test_chinese_seen_beside_a_number_casts_no_doubt_on_it() -> None:
    first = [*_read("2026", 0.99), *_shift(_read("년", 0.99), 80)]
    second = [*_read("2026", 0.99), *_shift(_read("丘上", 0.4), 80)]
    judged = arbitrate(first, second)
    assert _text(judged) == "2026년"
    assert not _doubted(judged)
