"""Middle dots, syllables that cling to Latin words, and what a page's lines leave out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_pipeline.adapters.engines.cpu.fusion import arbitrate
from ocr_pipeline.adapters.engines.cpu.marks import settle_marks
from ocr_pipeline.adapters.engines.cpu.page_lines import PageLines
from ocr_pipeline.adapters.engines.cpu.particles import mend
from ocr_pipeline.adapters.engines.cpu.readings import EMPTY, Glyph, Reading
from ocr_pipeline.adapters.engines.cpu.strips import HEIGHT, Strip


def _strip(image: np.ndarray) -> Strip:
    return Strip(image, np.zeros((4, 2), np.float32), np.eye(3), 1.0)


def _between_syllables(dots: tuple[int, ...]) -> np.ndarray:
    image = np.full((HEIGHT, 140), 255, np.uint8)
    cv2.rectangle(image, (10, 6), (45, 42), 0, -1)
    cv2.rectangle(image, (80, 6), (115, 42), 0, -1)
    for level in dots:
        cv2.circle(image, (62, level), 3, (0,), -1)
    return image


@pytest.mark.parametrize(("dots", "mark"), [((24,), "·"), ((14, 36), ":"), ((40,), ":")])
def test_a_middle_dot_is_told_by_its_ink(dots: tuple[int, ...], mark: str) -> None:
    glyphs = [Glyph("서", 0.9, 10, 45), Glyph(":", 0.5, 58, 66), Glyph("영", 0.9, 80, 115)]
    assert settle_marks(_between_syllables(dots), glyphs)[1].text == mark


def test_a_colon_before_a_space_stays() -> None:
    glyphs = [Glyph("명", 0.9, 10, 45), Glyph(":", 0.5, 58, 66), Glyph("홍", 0.9, 80, 115, spaced=True)]
    assert settle_marks(_between_syllables((24,)), glyphs)[1].text == ":"


def _word_and_particle() -> np.ndarray:
    image = np.full((HEIGHT, 200), 255, np.uint8)
    for at in range(4):
        cv2.rectangle(image, (10 + 20 * at, 10), (22 + 20 * at, 40), 0, -1)
    cv2.rectangle(image, (100, 8), (132, 42), 0, -1)
    return image


_SEEN = [Glyph(letter, 0.99, 8 + 20 * at, 24 + 20 * at) for at, letter in enumerate("Core")]


def test_a_particle_misread_as_latin_is_read_again_alone() -> None:
    run = [*_SEEN, Glyph("t", 0.6, 100, 115), Glyph("g", 0.4, 115, 132)]
    widths = []

    def read(image: np.ndarray) -> Reading:
        widths.append(image.shape[1])
        return Reading((Glyph("는", 0.95, 2, 34),))

    mended = mend(run, _SEEN, _strip(_word_and_particle()), (0, 200), read)
    assert "".join(glyph.text for glyph in mended) == "Core는"
    assert widths == [pytest.approx(37, abs=4)]


def test_a_doubtful_second_reading_changes_nothing() -> None:
    run = [*_SEEN, Glyph("t", 0.6, 100, 132)]
    assert mend(run, _SEEN, _strip(_word_and_particle()), (0, 200), lambda _: EMPTY) == run
    doubtful = Reading((Glyph("는", 0.3, 2, 34),))
    assert mend(run, _SEEN, _strip(_word_and_particle()), (0, 200), lambda _: doubtful) == run


def test_a_syllable_already_read_is_not_read_again() -> None:
    run = [*_SEEN, Glyph("는", 0.9, 100, 132)]

    def never(_: np.ndarray) -> Reading:
        raise AssertionError("read again")

    assert mend(run, _SEEN, _strip(_word_and_particle()), (0, 200), never) == run


@pytest.mark.parametrize(("spaced_after", "text"), [(True, "I"), (False, "1")])
def test_a_lone_stroke_is_the_pronoun_and_stays_doubtful(spaced_after: bool, text: str) -> None:
    first = [Glyph("I", 0.98, 0, 10, spaced=True), Glyph("0", 0.98, 20, 40, spaced=spaced_after)]
    second = [Glyph("1", 0.98, 0, 10, spaced=True), Glyph("0", 0.98, 20, 40, spaced=spaced_after)]
    judged = arbitrate(first, second)
    assert judged[0].glyph.text == text
    assert judged[0].doubts


def test_a_page_without_lines_has_no_strips() -> None:
    lines = PageLines.of(np.full((300, 400), 240, np.uint8), [])
    assert lines.strips == []
    assert lines.lines([]) == []
