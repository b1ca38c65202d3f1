"""A straightened page made ready for reading: rules, specks and check boxes set aside, one strip for each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ocr_pipeline.adapters.engines.cpu.checkboxes import CheckBox, find_check_boxes, wipe_check_boxes, with_check_boxes
from ocr_pipeline.adapters.engines.cpu.detection import Quad
from ocr_pipeline.adapters.engines.cpu.fusion import Judged
from ocr_pipeline.adapters.engines.cpu.geometry import sides
from ocr_pipeline.adapters.engines.cpu.imaging import Grey, ink_mask
from ocr_pipeline.adapters.engines.cpu.rules import Ruling, cut_at_rules, wipe_rules
from ocr_pipeline.adapters.engines.cpu.specks import stray_lines, wipe_specks
from ocr_pipeline.adapters.engines.cpu.strips import Strip, cut
from ocr_pipeline.adapters.engines.cpu.words import line_of
from ocr_pipeline.domain.text import Line

_USUAL_HEIGHT = 30.0
_STRAY_SURE = 0.85
_SHORT_ENTRY = re.compile(r"[HL+-]|\d[\d.,]{0,4}")


@dataclass(frozen=True, slots=True)
class PageLines:
    """The strips of a page (the first `detected` are lines, the rest stray ink that may be characters) and its form."""

    strips: list[Strip]
    detected: int
    ruling: Ruling
    boxes: list[CheckBox]

    @classmethod
    def of(cls, page: Grey, quads: Sequence[Quad]) -> Self:
        """Prepare a straightened page on which lines were detected at the given corners."""
        text_height = float(np.median([sides(quad)[1] for quad in quads])) if quads else _USUAL_HEIGHT
        clean, ink, ruling = wipe_rules(page, ink_mask(page), text_height)
        clean, ink = wipe_specks(clean, ink, text_height)
        boxes = find_check_boxes(ink, text_height)
        if boxes:
            clean = wipe_check_boxes(clean, boxes, text_height)
            ink = wipe_ink(ink, boxes)
        cells = cut_at_rules(quads, ruling)
        strays = stray_lines(ink, cells, text_height)
        return cls([cut(clean, quad) for quad in (*cells, *strays)], len(cells), ruling, boxes)

    def lines(self, judged: Sequence[Sequence[Judged]]) -> list[Line]:
        """The lines of text that were read in the strips, check boxes put in."""
        ruled = bool(self.ruling.down)
        read = [
            line
            for at, (strip, glyphs) in enumerate(zip(self.strips, judged, strict=True))
            if (line := line_of(strip, glyphs, ruled=ruled)) is not None
            and (at < self.detected or self._is_credible(line))
        ]
        return with_check_boxes(read, self.boxes)

    def _is_credible(self, line: Line) -> bool:
        """Stray ink counts as text when both readers agree on it, or when it is a short entry on a ruled form."""
        if not any(word.doubts for word in line.words):
            return line.confidence >= _STRAY_SURE
        return bool(self.ruling.down) and _SHORT_ENTRY.fullmatch(line.text) is not None


def wipe_ink(ink: Grey, boxes: Sequence[CheckBox]) -> Grey:
    """The ink without that of the check boxes."""
    left = ink.copy()
    for each in boxes:
        left[int(each.box.top) : int(each.box.bottom) + 1, int(each.box.left) : int(each.box.right) + 1] = 0
    return left
