"""One page's strips read by both recognisers: Tesseract reads every line, PP-OCR looks again where it matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ocr_pipeline.adapters.engines.cpu.evidence import without_idle_doubts
from ocr_pipeline.adapters.engines.cpu.fusion import Judged, arbitrate
from ocr_pipeline.adapters.engines.cpu.hangul import TesseractPool
from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.cpu.latin import LatinReader
from ocr_pipeline.adapters.engines.cpu.marks import settle_marks
from ocr_pipeline.adapters.engines.cpu.particles import mend
from ocr_pipeline.adapters.engines.cpu.readings import Glyph, Reading, has_hangul, is_hangul
from ocr_pipeline.adapters.engines.cpu.spacing import respace
from ocr_pipeline.adapters.engines.cpu.strips import HEIGHT, Strip

_SAMPLE = 6
_SAMPLE_WIDTH = 10 * HEIGHT
_SURE = 0.9
_MARGIN = HEIGHT / 3
_LEAST_LOOK = HEIGHT // 2
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class _Look:
    """Some glyphs of one strip (from `first`, before `last`) and their picture for the second reader."""

    strip: int
    first: int
    last: int
    offset: float
    image: Grey


class LineReader:
    """Reads the strips of a page. Safe for many threads: each borrows its own Tesseract."""

    def __init__(self, hangul: TesseractPool, english: TesseractPool | None, latin: LatinReader) -> None:
        self._hangul = hangul
        self._english = english
        self._latin = latin

    def read(self, strips: Sequence[Strip], pause: Callable[[], None]) -> list[list[Judged]]:
        """The judged glyphs of each strip. `pause` is called between lines and may raise to stop."""
        readings = self._first_readings(strips, pause)
        korean = any(has_hangul(reading.text) for reading in readings)
        looks = [look for at, strip in enumerate(strips) for look in _looks(at, strip, readings[at].glyphs, korean)]
        looks.sort(key=lambda look: look.image.shape[1])
        second: list[Reading] = []
        for start in range(0, len(looks), _AT_ONCE):
            pause()
            second.extend(self._latin.read([look.image for look in looks[start : start + _AT_ONCE]]))
        if korean:
            with self._hangul.borrow(pause) as hangul:
                merged = _merge(strips, readings, looks, second, hangul.read)
        else:
            merged = _merge(strips, readings, looks, second, None)
        return [_respaced(strip, judged) for strip, judged in zip(strips, merged, strict=True)]

    def close(self) -> None:
        """Free the Tesseract instances."""
        self._hangul.close()
        if self._english is not None:
            self._english.close()

    def _first_readings(self, strips: Sequence[Strip], pause: Callable[[], None]) -> list[Reading]:
        longest = sorted(range(len(strips)), key=lambda index: -strips[index].width)
        with self._hangul.borrow(pause) as hangul:
            samples = (np.ascontiguousarray(strips[index].smooth[:, :_SAMPLE_WIDTH]) for index in longest[:_SAMPLE])
            if self._english is None or any(has_hangul(hangul.read(sample).text) for sample in samples):
                return [_paused(hangul.read, strip, pause) for strip in strips]
        with self._english.borrow(pause) as english:
            return [_paused(english.read, strip, pause) for strip in strips]


def _paused(read: Callable[[Grey], Reading], strip: Strip, pause: Callable[[], None]) -> Reading:
    pause()
    return read(strip.smooth)


def _looks(index: int, strip: Strip, glyphs: tuple[Glyph, ...], korean: bool) -> list[_Look]:
    """Runs of neighbouring tokens that need a second look.

    On a Korean page Tesseract's Hangul model is a poor reader of Latin, so a line without Hangul is seen again whole,
    and so is, on any page, a line in which it saw nothing.
    """
    if not glyphs or (korean and not any(is_hangul(glyph.text) for glyph in glyphs)):
        return [_Look(index, 0, len(glyphs), 0.0, strip.image)]
    found: list[tuple[int, int]] = []
    for first, last in _tokens(glyphs):
        if not _wants_second_look(glyphs[first:last]):
            continue
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return [_look(index, strip, glyphs, first, last) for first, last in found]


def _tokens(glyphs: Sequence[Glyph]) -> list[tuple[int, int]]:
    starts = [at for at, glyph in enumerate(glyphs) if at == 0 or glyph.spaced]
    return list(pairwise([*starts, len(glyphs)]))


def _wants_second_look(token: Sequence[Glyph]) -> bool:
    if any(not glyph.text.isalpha() and glyph.text not in ".,()" for glyph in token):
        return True
    if any(glyph.confidence < _SURE for glyph in token):
        return True
    kinds = {is_hangul(glyph.text) for glyph in token if glyph.text.isalpha()}
    return len(kinds) > 1


def _look(index: int, strip: Strip, glyphs: Sequence[Glyph], first: int, last: int) -> _Look:
    """Cut half-way into the white on both sides, so that the neighbours stay out and no letter is lost."""
    start = max(0.0, glyphs[first].left - _MARGIN)
    stop = min(float(strip.width), glyphs[last - 1].right + _MARGIN)
    if first:
        start = max(start, (glyphs[first - 1].right + glyphs[first].left) / 2)
    if last < len(glyphs):
        stop = min(stop, (glyphs[last - 1].right + glyphs[last].left) / 2)
    left = min(int(start), max(0, strip.width - _LEAST_LOOK))
    right = min(strip.width, max(int(stop), left + _LEAST_LOOK))
    return _Look(index, first, last, float(left), np.ascontiguousarray(strip.image[:, left:right]))


def _merge(
    strips: Sequence[Strip],
    readings: Sequence[Reading],
    looks: Sequence[_Look],
    second: Sequence[Reading],
    read_hangul: Callable[[Grey], Reading] | None,
) -> list[list[Judged]]:
    again: dict[int, list[tuple[_Look, Reading]]] = {}
    for look, reading in zip(looks, second, strict=True):
        again.setdefault(look.strip, []).append((look, reading))
    merged: list[list[Judged]] = []
    for index, (strip, reading) in enumerate(zip(strips, readings, strict=True)):
        judged: list[Judged] = []
        at = 0
        for look, other in sorted(again.get(index, []), key=lambda seen: seen[0].first):
            judged.extend(Judged(glyph) for glyph in reading.glyphs[at : look.first])
            run: Sequence[Glyph] = reading.glyphs[look.first : look.last]
            seen = _shifted(other.glyphs, look.offset)
            spaced = bool(run) and run[0].spaced
            if read_hangul is not None:
                run = mend(run, seen, strip, (look.offset, look.offset + look.image.shape[1]), read_hangul)
            part = without_idle_doubts(run, seen, arbitrate(run, seen))
            if part:
                part[0] = replace(part[0], glyph=replace(part[0].glyph, spaced=spaced))
            judged.extend(part)
            at = look.last
        judged.extend(Judged(glyph) for glyph in reading.glyphs[at:])
        merged.append(judged)
    return merged


def _respaced(strip: Strip, judged: Sequence[Judged]) -> list[Judged]:
    glyphs = respace(strip.image, [item.glyph for item in judged])
    glyphs = settle_marks(strip.image, glyphs)
    return [
        item if glyph is item.glyph else replace(item, glyph=glyph) for item, glyph in zip(judged, glyphs, strict=True)
    ]


def _shifted(glyphs: Sequence[Glyph], offset: float) -> list[Glyph]:
    return [replace(glyph, left=glyph.left + offset, right=glyph.right + offset) for glyph in glyphs]
