from __future__ import annotations

import pytest

from ocr_pipeline.adapters.engines.cpu.wrapping import rejoined
from ocr_pipeline.domain.text import Block, Box, Line, Word


def word(text: str, left: float, top: float, confidence: float = 0.9, doubts: tuple[str, ...] = ()) -> Word:
    return Word(text, confidence, Box(left, top, left + 60, top + 30), doubts)


@pytest.mark.parametrize(
    ("upper", "lower", "text"),
    [
        (word("03/01", 100, 50), word("/2026", 100, 82), "03/01/2026"),
        (word("mg/", 100, 50), word("dL", 110, 80), "mg/dL"),
        (word("mg/", 100, 50), word("dL", 170, 50), "mg/ dL"),
        (word("mg/", 100, 50), word("/dL", 110, 80), "mg/ /dL"),
        (word("mg", 100, 50), word("dL", 110, 80), "mg dL"),
        (word("mg/", 100, 50), word("dL", 300, 80), "mg/ dL"),
    ],
)
def test_only_a_slash_at_the_break_of_a_cell_joins(upper: Word, lower: Word, text: str) -> None:
    (block,) = rejoined((Block((Line((upper, lower)),), "table"),))
    assert block.lines[0].text == text
    assert block.kind == "table"


def test_the_joined_word_keeps_the_lesser_confidence_all_doubts_and_both_places() -> None:
    line = Line((word("03/01", 100, 50, 0.9), word("/2026", 100, 82, 0.5, ("readers_disagree",))))
    joined = rejoined((Block((line,)),))[0].lines[0].words[0]
    assert (joined.confidence, joined.doubts) == (0.5, ("readers_disagree",))
    assert joined.box == Box(100, 50, 160, 112)
