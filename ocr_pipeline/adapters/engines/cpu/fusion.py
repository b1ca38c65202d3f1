"""Two readings of the same ink made one: which to believe, and how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ocr_pipeline.adapters.engines.cpu.alignment import Pair, align
from ocr_pipeline.adapters.engines.cpu.readings import Glyph, has_hangul, is_ideograph

DISAGREED = "readers_disagree"

_MIDDLE_DOTS = frozenset("\u119e\u318d\u30fb\u2022")
_SIGNS = {"□": "☐", "☒": "☑"}
_LATIN_SURE = 0.5
_OVER_HANGUL = 0.8
_HANGUL_SURE = 0.9
_INSERT_SURE = 0.85
_POINT_SURE = 0.6
_LONE_DOUBTFUL = 0.8
_LONE_SURE = 0.9
_ALONE_SURE = 0.7
_LETTERS_A_SYLLABLE = 1.5
_A_WORD = 3
_STROKES = frozenset("1l|")
_CERTAIN = 0.97
_NUMERIC = frozenset(".,/-:%~^+<>=")
_THIN = frozenset("1lIi|!.,'`:;\"()[]/-")
_DISAGREED_TOP = 0.65
_AGREED_TOP = 0.995


@dataclass(frozen=True, slots=True)
class Judged:
    """A glyph after arbitration, with the checks that lowered its confidence."""

    glyph: Glyph
    doubts: tuple[str, ...] = ()


def arbitrate(first: Sequence[Glyph], second: Sequence[Glyph]) -> list[Judged]:
    """Choose between Tesseract's glyphs (`first`) and PP-OCR's (`second`) for one run of ink."""
    if not second:
        return [Judged(glyph) for glyph in first]
    if not first:
        return [_plain(_doubted(glyph)) for glyph in second] if _is_text(second) else []
    chosen: list[Judged] = []
    pairs = align(first, second)
    for agreed, at, end in _stretches(pairs):
        stretch = pairs[at:end]
        settled = _agreed(stretch) if agreed else _settled(stretch, pairs[at - 1 : at], pairs[end : end + 1])
        lost = not agreed and not _is_foreign(stretch[0]) and len(settled) < len(stretch)
        if lost and chosen and (_matters(stretch) or chosen[-1].glyph.text.isdigit()):
            chosen[-1] = _doubted(chosen[-1].glyph)
        chosen.extend(settled)
    return [_plain(item) for item in chosen]


def _is_text(second: Sequence[Glyph]) -> bool:
    return _mean(second) >= _ALONE_SURE and not any(is_ideograph(two.text) for two in second)


def _stretches(pairs: Sequence[Pair]) -> list[tuple[bool, int, int]]:
    """Neighbouring pairs of one kind (agreed; for Tesseract alone to name; other): whether agreed, from, up to."""
    found: list[tuple[bool, int, int]] = []
    at = 0
    for (agreed, _), group in groupby(pairs, key=lambda pair: (_agrees(pair), _is_foreign(pair))):
        end = at + len(list(group))
        found.append((agreed, at, end))
        at = end
    return found


def _is_foreign(pair: Pair) -> bool:
    """Whether PP-OCR took the ink for Chinese, or passed over a syllable: it knows no Hangul."""
    one, two = pair
    return is_ideograph(two.text) if two is not None else one is not None and has_hangul(one.text)


def _matters(stretch: Sequence[Pair]) -> bool:
    """Whether a character was left out that could change a number, a unit or a code."""
    return any(
        glyph is not None and (glyph.text.isalnum() or glyph.text in _NUMERIC) for pair in stretch for glyph in pair
    )


def _plain(item: Judged) -> Judged:
    """Old Hangul's dot letter is, in print of today, a middle dot; a small square is a check box."""
    sign = "·" if item.glyph.text in _MIDDLE_DOTS else _SIGNS.get(item.glyph.text)
    return item if sign is None else replace(item, glyph=replace(item.glyph, text=sign))


def _agrees(pair: Pair) -> bool:
    one, two = pair
    return one is not None and two is not None and one.text == two.text


def _agreed(pairs: Iterable[Pair]) -> list[Judged]:
    judged = []
    for one, two in pairs:
        if one is not None and two is not None:
            sure = 1.0 - (1.0 - one.confidence) * (1.0 - two.confidence)
            judged.append(Judged(replace(one, confidence=min(sure, _AGREED_TOP))))
    return judged


def _settled(stretch: Sequence[Pair], before: Sequence[Pair], after: Sequence[Pair]) -> list[Judged]:
    """One stretch where the readers differ: taken whole from the one with the better evidence."""
    first = [one for one, _ in stretch if one is not None]
    second = [two for _, two in stretch if two is not None]
    if _is_foreign(stretch[0]):
        # PP-OCR knows no Hangul: what it takes for Chinese is for Tesseract to name.
        return [Judged(one) for one in first]
    if not second:
        return [] if _is_ghost(first, before, after) else [_kept_alone(one) for one in first]
    if not first:
        return [_doubted(two) for two in second] if _is_overlooked(second, before, after) else []
    if _is_pronoun(first, second, after):
        return [_doubted(one) for one in first]
    if _prefers_second(first, second, alone=not before and not after):
        return [_doubted(two) for two in second]
    return [_doubted(one) for one in first]


def _is_ghost(first: Sequence[Glyph], before: Sequence[Pair], after: Sequence[Pair]) -> bool:
    """A character that Tesseract alone saw between two on which both agree.

    CTC readers swallow one of two equal neighbours and thin strokes, so those are believed.
    """
    if len(first) > 1 or has_hangul(first[0].text):
        return False
    around = [*before, *after]
    if not around or not all(_agrees(pair) for pair in around):
        return False
    text = first[0].text
    return text not in _THIN and all(one is not None and one.text != text for one, _ in around)


def _is_overlooked(second: Sequence[Glyph], before: Sequence[Pair], after: Sequence[Pair]) -> bool:
    """Characters that PP-OCR alone saw and that Tesseract may well have missed.

    Points, commas and slashes count inside numbers alone: elsewhere they are mostly specks.
    """
    if all(two.text in _NUMERIC for two in second):
        within = all(_is_digit(pair) for pair in before) and all(_is_digit(pair) for pair in after)
        return bool(before and after) and within and _mean(second) >= _POINT_SURE
    return _mean(second) >= _INSERT_SURE and any(two.text.isalnum() for two in second)


def _is_pronoun(first: Sequence[Glyph], second: Sequence[Glyph], after: Sequence[Pair]) -> bool:
    """A lone stroke that Tesseract, who knows English, reads as `I` and PP-OCR as a digit or a bar."""
    if len(first) != 1 or len(second) != 1 or first[0].text != "I" or second[0].text not in _STROKES:
        return False
    return first[0].spaced and all(one is not None and one.spaced for one, _ in after)


def _is_digit(pair: Pair) -> bool:
    return any(glyph is not None and glyph.text.isdigit() for glyph in pair)


def _prefers_second(first: Sequence[Glyph], second: Sequence[Glyph], *, alone: bool) -> bool:
    """PP-OCR is the better reader of Latin. A Hangul syllable is about as wide as two Latin letters."""
    hangul = [one for one in first if has_hangul(one.text)]
    if not hangul:
        return _mean(second) >= _LATIN_SURE
    if alone and _mean(first) < _LONE_DOUBTFUL and _mean(second) >= _LONE_SURE:
        return True
    if len(second) < _LETTERS_A_SYLLABLE * len(hangul):
        return False
    if len(second) >= _A_WORD and _mean(second) >= _CERTAIN:
        return _mean(hangul) < _CERTAIN
    return _mean(second) >= _OVER_HANGUL and _mean(hangul) < _HANGUL_SURE


def _kept_alone(glyph: Glyph) -> Judged:
    return _doubted(glyph) if not has_hangul(glyph.text) and _matters([(glyph, None)]) else Judged(glyph)


def _doubted(glyph: Glyph) -> Judged:
    return Judged(replace(glyph, confidence=min(glyph.confidence, _DISAGREED_TOP)), (DISAGREED,))


def _mean(glyphs: Sequence[Glyph]) -> float:
    return sum(glyph.confidence for glyph in glyphs) / len(glyphs) if glyphs else 0.0
