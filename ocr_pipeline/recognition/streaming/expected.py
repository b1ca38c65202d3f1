"""What the ink on a page lets us expect of its text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from ocr_pipeline.ports.survey import Survey

SLACK = 2.0
"""How far off a survey may be, either way."""

_ODD_LETTERS = 5
# Dark pixels of a million, measured: 47 to 130 for a letter of print, 110 and more for the rules of an empty cell.
_PIXELS = 1_000_000
_LETTER, _CELL = 60, 100
# Of the letters in rows alike, measured, nearly half at least have their like right below.
_LETTERS_A_TWIN, _ODD_TWINS = 2.0, 8


@dataclass(frozen=True, slots=True)
class ExpectedText:
    """How many letters and digits can stand on a page, `low` at least and `high` at most.

    `cells` is the most empty cells of a table that can be drawn beside them, `alike` the most letters and digits that
    can stand in rows like the row above; None where nobody knows.
    """

    low: int
    high: int
    cells: int | None = None
    alike: int | None = None

    @classmethod
    def of(cls, survey: Survey, slack: float = SLACK) -> Self | None:
        """What a survey lets us expect when it may be off by the factor `slack`; None where nothing was counted."""
        if survey.glyphs is None:
            return None
        low, high = math.floor(survey.glyphs / slack), math.ceil(survey.glyphs * slack) + _ODD_LETTERS
        cells = max(0, round((survey.ink * _PIXELS - survey.glyphs * _LETTER) / _CELL))
        if survey.twins is None:
            return cls(low, high, cells)
        return cls(low, high, cells, math.ceil(slack * _LETTERS_A_TWIN * (survey.twins + _ODD_TWINS)))
