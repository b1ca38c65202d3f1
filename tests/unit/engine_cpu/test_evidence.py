from __future__ import annotations

import pytest

from ocr_pipeline.adapters.engines.cpu.evidence import without_idle_doubts
from ocr_pipeline.adapters.engines.cpu.fusion import Judged
from ocr_pipeline.adapters.engines.cpu.readings import Glyph


def reading(text: str, confidence: float) -> list[Glyph]:
    return [Glyph(sign, confidence, 10.0 * at, 10.0 * at + 9) for at, sign in enumerate(text)]


def doubted(text: str) -> list[Judged]:
    return [Judged(glyph, ("readers_disagree",)) for glyph in reading(text, 0.6)]


@pytest.mark.parametrize(
    ("first", "second", "chosen", "free"),
    [
        (("5009", 0.88), ("500mg", 0.999), "500mg", True),
        (("5009", 0.88), ("500mg", 0.9), "500mg", False),
        (("110", 0.99), ("I10", 0.78), "I10", False),
        (("06월19일", 0.984), ("0619g", 0.5), "06월19일", True),
        (("06월19일", 0.984), ("0519g", 0.97), "06월19일", False),
        (("06월19일", 0.9), ("0519g", 0.5), "06월19일", False),
        (("2023", 0.99), ("2028", 0.5), "2023", False),
        (("정5009", 0.8), ("500mg", 0.999), "정500mg", False),
        (("TE", 0.94), ("1T", 0.82), "1T", True),
        (("17", 0.94), ("1T", 0.82), "1T", False),
        (("10*3/ul", 0.9), ("10^3/uL", 0.87), "10^3/uL", True),
        (("148.9", 0.99), ("I48.9", 0.95), "I48.9", False),
        (("", 0.0), ("", 0.0), "", True),
    ],
)
def test_a_doubt_goes_only_where_one_reading_is_evidence_enough(
    first: tuple[str, float], second: tuple[str, float], chosen: str, free: bool
) -> None:
    judged = without_idle_doubts(reading(*first), reading(*second), doubted(chosen))
    assert "".join(item.glyph.text for item in judged) == chosen
    assert all(not item.doubts for item in judged) == free
    assert all(item.glyph.confidence <= 0.95 for item in judged)
