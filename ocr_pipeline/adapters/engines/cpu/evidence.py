"""When two readings differ, whether one of them is evidence enough by itself.

Most disagreements say little: PP-OCR has no Hangul, so beside a syllable it guesses, and it says that it guesses;
Tesseract's Hangul model mistakes Latin and digits that PP-OCR reads with near certainty. Measured on 419 disagreements
over synthetic forms, scans, faxes and photographs, the two rules below let 243 right readings pass without a doubt and
4 wrong ones (a check box, and powers of ten in units of laboratory results).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from ocr_pipeline.adapters.engines.cpu.fusion import Judged
from ocr_pipeline.adapters.engines.cpu.readings import Glyph, has_hangul

_SECOND_CERTAIN = 0.98
_FIRST_CERTAIN = 0.96
_SECOND_GUESSING = 0.9
_TOP = 0.95


def without_idle_doubts(first: Sequence[Glyph], second: Sequence[Glyph], judged: Sequence[Judged]) -> list[Judged]:
    """The judged glyphs of one run of ink, freed of doubts where one reader's evidence is enough.

    `first` is what Tesseract read, `second` what PP-OCR read. Either PP-OCR was certain of every character and it is
    its reading that was chosen; or Tesseract was certain of a run with Hangul, its reading was chosen, and PP-OCR
    itself was guessing.
    """
    chosen = _text([item.glyph for item in judged])
    if chosen == _text(second) and _least(second) >= _SECOND_CERTAIN:
        return _trusted(judged, second)
    if (
        has_hangul(chosen)
        and chosen == _text(first)
        and _least(first) >= _FIRST_CERTAIN
        and _least(second) < _SECOND_GUESSING
    ):
        return _trusted(judged, first)
    return list(judged)


def _trusted(judged: Sequence[Judged], reading: Sequence[Glyph]) -> list[Judged]:
    return [
        replace(item, glyph=replace(item.glyph, confidence=min(_TOP, glyph.confidence)), doubts=())
        if item.doubts
        else item
        for item, glyph in zip(judged, reading, strict=True)
    ]


def _text(glyphs: Sequence[Glyph]) -> str:
    return unicodedata.normalize("NFKC", "".join(glyph.text for glyph in glyphs))


def _least(glyphs: Sequence[Glyph]) -> float:
    return min((glyph.confidence for glyph in glyphs), default=0.0)
