"""From judged glyphs to words and lines, with doubts from spelling and from what fields must hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ocr_pipeline.adapters.engines.cpu.fusion import DISAGREED, Judged
from ocr_pipeline.adapters.engines.cpu.lexicon import REPAIRED, repair
from ocr_pipeline.adapters.engines.cpu.strips import Strip
from ocr_pipeline.domain.doubts import doubts
from ocr_pipeline.domain.text import Block, Box, Line, Word

_TOP_WITH_DOUBT = {REPAIRED: 0.8, DISAGREED: 0.8}
_TOP_WITH_FIELD_DOUBT = 0.6
_DIGITS_DISAGREE_TOP = 0.6


def line_of(strip: Strip, judged: Sequence[Judged], *, ruled: bool) -> Line | None:
    """The words of one strip, boxes on the straightened page; None where nothing was read.

    On a `ruled` page a lone upright stroke is what is left of a rule.
    """
    words: list[list[Judged]] = []
    for item in judged:
        if words and not item.glyph.spaced:
            words[-1].append(item)
        else:
            words.append([item])
    made = tuple(_word(strip, letters) for letters in words if not _is_stray(letters, len(words), ruled))
    return Line(made) if made else None


def with_field_doubts(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """The same blocks; words that cannot be what their place on the form asks for carry a doubt and less confidence."""
    above: list[Word] = []
    checked = []
    for block in blocks:
        lines = []
        for line in block.lines:
            found = doubts(line.words, above)
            lines.append(Line(tuple(_doubted(word, names) for word, names in zip(line.words, found, strict=True))))
            above.extend(line.words)
        checked.append(Block(tuple(lines), block.kind))
    return tuple(checked)


def _word(strip: Strip, letters: Sequence[Judged]) -> Word:
    corners = strip.on_page(letters[0].glyph.left, max(letter.glyph.right for letter in letters))
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    read = "".join(letter.glyph.text for letter in letters)
    text = repair(read)
    names = {name for letter in letters for name in letter.doubts} | ({REPAIRED} if text != read else set())
    confidence = min([_confidence(letters), *_ceilings(text, names)])
    return Word(text, confidence, Box(float(left), float(top), float(right), float(bottom)), tuple(sorted(names)))


def _confidence(letters: Sequence[Judged]) -> float:
    """A word is wrong when any letter is: half-way between its weakest letter and its mean letter."""
    scores = [min(1.0, max(0.0, letter.glyph.confidence)) for letter in letters]
    return (min(scores) + sum(scores) / len(scores)) / 2


def _ceilings(text: str, names: set[str]) -> Iterator[float]:
    for name in names:
        yield _TOP_WITH_DOUBT[name]
    if DISAGREED in names and any(letter.isdigit() for letter in text):
        yield _DIGITS_DISAGREE_TOP


def _is_stray(letters: Sequence[Judged], words: int, ruled: bool) -> bool:
    """A mark that is all there is on its line is a speck."""
    text = "".join(letter.glyph.text for letter in letters)
    if words == 1 and text in "|.,'`-_:;\u00b7~\"":
        return True
    return ruled and text == "|"


def _doubted(word: Word, names: tuple[str, ...]) -> Word:
    if not names:
        return word
    return replace(
        word,
        confidence=min(word.confidence, _TOP_WITH_FIELD_DOUBT),
        doubts=tuple(sorted({*word.doubts, *names})),
    )
