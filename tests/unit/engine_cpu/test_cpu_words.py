"""Repairs, doubts and spaces on the way from glyphs to words."""

import cv2
import numpy as np
import pytest

from ocr_pipeline.adapters.engines.cpu.fusion import DISAGREED, Judged
from ocr_pipeline.adapters.engines.cpu.lexicon import REPAIRED, repair
from ocr_pipeline.adapters.engines.cpu.readings import Glyph
from ocr_pipeline.adapters.engines.cpu.spacing import respace
from ocr_pipeline.adapters.engines.cpu.strips import HEIGHT, cut
from ocr_pipeline.adapters.engines.cpu.words import line_of, with_field_doubts
from ocr_pipeline.domain.text import Block, Box, Line, Word

_STRIP = cut(np.full((200, 900), 255, np.uint8), np.array([[10, 20], [810, 20], [810, 68], [10, 68]], np.float32))


@pytest.mark.parametrize(
    ("read", "right"),
    [
        ("ulU/mL", "uIU/mL"),
        ("10°3/uL", "10^3/uL"),
        ("m9/dL", "mg/dL"),
        ("50m9/병", "50mg/병"),
        ("연질캡숄", "연질캡슐"),
        ("mg/dl", "mg/dl"),
        ("Core", "Core"),
        ("110", "110"),
        ("50009", "50009"),
        ("I10", "I10"),
    ],
)
def test_only_what_can_be_nothing_else_is_repaired(read: str, right: str) -> None:
    assert repair(read) == right


def _judged(text: str, confidence: float = 0.99, doubts: tuple[str, ...] = ()) -> list[Judged]:
    return [Judged(Glyph(letter, confidence, 20.0 * at, 20.0 * at + 18), doubts) for at, letter in enumerate(text)]


def test_a_repair_is_marked_and_stays_below_the_acceptance_threshold() -> None:
    line = line_of(_STRIP, _judged("50m9"), ruled=False)
    assert line is not None
    assert line.text == "50mg"
    assert line.words[0].doubts == (REPAIRED,)
    assert line.words[0].confidence < 0.85


def test_disagreed_digits_stay_far_below_the_acceptance_threshold() -> None:
    line = line_of(_STRIP, _judged("500mg", 0.99, (DISAGREED,)), ruled=False)
    assert line is not None
    assert line.words[0].confidence <= 0.6


@pytest.mark.parametrize("text", ["|", ".", "~"])
def test_what_is_left_of_a_rule_is_no_word(text: str) -> None:
    assert line_of(_STRIP, _judged(text), ruled=True) is None


def test_boxes_lie_on_the_page() -> None:
    line = line_of(_STRIP, _judged("AB"), ruled=False)
    assert line is not None
    box = line.words[0].box
    assert box is not None
    assert (round(box.left), round(box.right)) == (10, 10 + 38)
    assert (round(box.top), round(box.bottom)) == (20, 68)


def test_a_code_read_as_a_number_is_doubted() -> None:
    words = tuple(
        Word(text, 0.99, Box(at * 100, 0, at * 100 + 80, 30)) for at, text in enumerate(["질병분류기호", "110"])
    )
    checked = with_field_doubts((Block((Line(words),)),))
    word = next(checked[0].lines[0].words[at] for at in (1,))
    assert word.doubts
    assert word.confidence < 0.85


def _drawn(boxes: list[tuple[int, int]]) -> np.ndarray:
    image = np.full((HEIGHT, 400), 255, np.uint8)
    for left, right in boxes:
        cv2.rectangle(image, (left, 8), (right, 40), 0, -1)
    return image


def _glyphs(text: str, boxes: list[tuple[int, int]]) -> list[Glyph]:
    return [Glyph(letter, 0.9, left, right) for letter, (left, right) in zip(text, boxes, strict=True)]


def _spaced(text: str, boxes: list[tuple[int, int]]) -> str:
    glyphs = respace(_drawn(boxes), _glyphs(text, boxes))
    return "".join(f" {glyph.text}" if glyph.spaced else glyph.text for glyph in glyphs)


def test_a_spread_title_keeps_its_spaces() -> None:
    assert _spaced("처방전", [(10, 40), (56, 86), (102, 132)]) == "처 방 전"


def test_close_syllables_stay_one_word() -> None:
    assert _spaced("처방전", [(10, 40), (43, 73), (76, 106)]) == "처방전"


def test_a_range_is_parted_where_white_stands_around_the_sign() -> None:
    assert _spaced("4~6", [(10, 30), (42, 60), (72, 92)]) == "4 ~ 6"
