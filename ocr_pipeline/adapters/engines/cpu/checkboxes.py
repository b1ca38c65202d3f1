"""Check boxes on forms: square frames of a line's height, clear or ticked, read as the signs `☐` and `☑`.

Recognisers of text take them for letters, and whether a box is ticked can matter as much as a dose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr_pipeline.adapters.engines.cpu.imaging import Grey, pieces
from ocr_pipeline.domain.text import Box, Line, Word

CLEAR = "☐"
TICKED = "☑"
DOUBT = "check_box"
"""On a box with so little ink in it that it may be a tick or a speck."""

# In heights of a line of text.
_STROKE = 0.62
_SMALLEST = 0.65
_LARGEST = 1.6
_NEAR = 2.0

_SQUARE = 1.3
_SIDE_COVERED = 0.92
_FRAME = 0.18
_TIP = 0.1
_INK_OF_TICK = 0.05
_INK_OF_SPECK = 0.015
_SOLID = 0.5
_MOSTLY = 127.5
_SURE = 0.95
_UNSURE = 0.5


@dataclass(frozen=True, slots=True)
class CheckBox:
    """One box: where its frame lies, and the share of ink inside it."""

    box: Box
    ink: float

    @property
    def word(self) -> Word:
        """The sign for it."""
        sign = TICKED if self.ink >= _INK_OF_TICK else CLEAR
        if _INK_OF_SPECK < self.ink < 2 * _INK_OF_TICK:
            return Word(sign, _UNSURE, self.box, (DOUBT,))
        return Word(sign, _SURE, self.box)


def find_check_boxes(ink: Grey, text_height: float) -> list[CheckBox]:
    """Boxes on a straightened page. `ink` is 255 where the page is dark; `text_height` is in pixels."""
    stroke = max(7, round(text_height * _STROKE))
    closed = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    # Only level and upright strokes stay: a tick is slanted and would join its box to what stands beside it.
    level = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((1, stroke), np.uint8))
    upright = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((stroke, 1), np.uint8))
    frames = np.asarray(cv2.bitwise_or(level, upright), np.uint8)
    least, most = text_height * _SMALLEST, text_height * _LARGEST
    found = []
    for left, top, width, height in pieces(frames):
        if not (least <= min(width, height) and max(width, height) <= most):
            continue
        down, across = _trimmed(frames[top : top + height, left : left + width])
        place = np.s_[top + down.start : top + down.stop, left + across.start : left + across.stop]
        if least <= down.stop - down.start and _is_frame(frames[place]):
            share = _ink_inside(ink[place])
            if share < _SOLID:
                box = Box(place[1].start, place[0].start, place[1].stop, place[0].stop)
                found.append(CheckBox(box, share))
    return found


def wipe_check_boxes(page: Grey, boxes: Iterable[CheckBox], text_height: float) -> Grey:
    """The page with the boxes, and ticks that reach out of them a little, painted over in paper colour."""
    clean = page.copy()
    margin = max(2, round(text_height * 0.1))
    for each in boxes:
        top, bottom = max(0, int(each.box.top) - margin), int(each.box.bottom) + margin
        left, right = max(0, int(each.box.left) - margin), int(each.box.right) + margin
        patch = clean[top:bottom, left:right]
        patch[:] = np.percentile(patch, 95)
    return clean


def with_check_boxes(lines: Sequence[Line], boxes: Iterable[CheckBox]) -> list[Line]:
    """The lines with each box put in at its place; a box beside no line becomes a line of its own."""
    placed = list(lines)
    for each in sorted(boxes, key=lambda found: (found.box.top, found.box.left)):
        at = next((place for place, line in enumerate(placed) if _belongs(each.box, line)), None)
        if at is None:
            placed.append(Line((each.word,)))
        else:
            words = sorted((*placed[at].words, each.word), key=_left)
            placed[at] = Line(tuple(words))
    return placed


def _trimmed(frame: Grey) -> tuple[slice, slice]:
    """Rows and columns from the first to the last that is mostly dark: what a tick adds outside is cut off."""
    return _from_dark_to_dark(frame.mean(axis=1)), _from_dark_to_dark(frame.mean(axis=0))


def _from_dark_to_dark(darkness: NDArray[np.float64]) -> slice:
    dark = np.flatnonzero(darkness > _MOSTLY)
    return slice(int(dark[0]), int(dark[-1]) + 1) if dark.size else slice(0, 0)


def _is_frame(frame: Grey) -> bool:
    """Whether dark strokes run along all four sides and meet in sharp corners, as those of D, O and 8 do not."""
    height, width = frame.shape
    if not 1 / _SQUARE <= height / max(width, 1) <= _SQUARE:
        return False
    tip = max(2, round(min(height, width) * _TIP))
    corners = (frame[:tip, :tip], frame[:tip, -tip:], frame[-tip:, :tip], frame[-tip:, -tip:])
    if not all(corner.any() for corner in corners):
        return False
    band = max(2, round(min(height, width) * _FRAME))
    sides = (
        frame[:band].max(axis=0),
        frame[-band:].max(axis=0),
        frame[:, :band].max(axis=1),
        frame[:, -band:].max(axis=1),
    )
    return all(float(np.mean(side > 0)) >= _SIDE_COVERED for side in sides)


def _ink_inside(patch: Grey) -> float:
    height, width = patch.shape
    down, across = round(height * _FRAME), round(width * _FRAME)
    inside = patch[down : height - down, across : width - across]
    return float(np.mean(inside > 0)) if inside.size else 1.0


def _belongs(box: Box, line: Line) -> bool:
    around = line.box
    if around is None:
        return False
    overlap = min(box.bottom, around.bottom) - max(box.top, around.top)
    near = _NEAR * box.height
    return overlap > box.height / 2 and around.left - near < box.left < around.right + near


def _left(word: Word) -> float:
    return word.box.left if word.box is not None else 0.0
