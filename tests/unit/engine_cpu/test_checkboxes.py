from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr_pipeline.adapters.engines.cpu.checkboxes import (
    CLEAR,
    TICKED,
    find_check_boxes,
    wipe_check_boxes,
    with_check_boxes,
)
from ocr_pipeline.domain.text import Box, Line, Word

HEIGHT = 36.0


def blank() -> np.ndarray:
    return np.zeros((200, 600), np.uint8)


def frame(ink: np.ndarray, left: int, top: int, side: int = 28, thickness: int = 2) -> None:
    cv2.rectangle(ink, (left, top), (left + side, top + side), 255, thickness)


def tick(ink: np.ndarray, left: int, top: int) -> None:
    cv2.polylines(ink, [np.array([[left + 5, top + 14], [left + 12, top + 23], [left + 30, top - 4]])], False, 255, 3)


@pytest.mark.parametrize("side", [28, 34, 44])
@pytest.mark.parametrize("thickness", [1, 2, 4])
def test_clear_and_ticked_boxes_are_told_apart(side: int, thickness: int) -> None:
    ink = blank()
    frame(ink, 50, 60, side, thickness)
    frame(ink, 200, 60, side, thickness)
    cv2.line(ink, (206, 66), (194 + side, 54 + side), 255, 3)
    cv2.line(ink, (194 + side, 66), (206, 54 + side), 255, 3)
    boxes = sorted(find_check_boxes(ink, HEIGHT), key=lambda each: each.box.left)
    assert [each.word.text for each in boxes] == [CLEAR, TICKED]


def test_a_tick_that_leaves_its_box_still_counts() -> None:
    ink = blank()
    frame(ink, 50, 60)
    tick(ink, 50, 60)
    assert [each.word.text for each in find_check_boxes(ink, HEIGHT)] == [TICKED]


def test_a_speck_is_doubtful() -> None:
    ink = blank()
    frame(ink, 50, 60)
    ink[72:76, 62:65] = 255
    word = find_check_boxes(ink, HEIGHT)[0].word
    assert word.doubts
    assert word.confidence < 0.85


@pytest.mark.parametrize("letters", ["HELLO 0OQ", "D8B EFT", "LICU", "[ ] ||"])
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.2])
def test_letters_are_no_boxes(letters: str, scale: float) -> None:
    ink = blank()
    for font in (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX):
        cv2.putText(ink, letters, (20, 120), font, scale, 255, 3)
        assert find_check_boxes(ink, HEIGHT) == []
        ink[:] = 0


def test_cells_of_a_table_and_solid_squares_are_no_boxes() -> None:
    ink = blank()
    for column in range(6):
        frame(ink, 50 + 30 * column, 50, 30)
    cv2.rectangle(ink, (400, 60), (428, 88), 255, -1)
    assert find_check_boxes(ink, HEIGHT) == []


def test_wiping_leaves_paper_where_the_box_was() -> None:
    ink = blank()
    frame(ink, 50, 60)
    tick(ink, 50, 60)
    page = (255 - ink).astype(np.uint8)
    clean = wipe_check_boxes(page, find_check_boxes(ink, HEIGHT), HEIGHT)
    assert clean[62:86, 50:78].min() > 200


def test_boxes_go_to_their_place_in_the_line() -> None:
    ink = blank()
    frame(ink, 50, 60)
    frame(ink, 250, 60)
    frame(ink, 50, 150)
    calm, tired = Word("Calm", 0.9, Box(100, 60, 180, 90)), Word("Tired", 0.9, Box(300, 60, 380, 90))
    lines = with_check_boxes([Line((calm, tired))], find_check_boxes(ink, HEIGHT))
    assert [line.text for line in lines] == ["☐ Calm ☐ Tired", "☐"]
