"""Words that a narrow cell of a table broke in two, put together again: `03/01` above `/2026`, `mg/` above `dL`."""

from __future__ import annotations

from collections.abc import Sequence

from ocr_pipeline.domain.text import Block, Box, Line, Word

_BREAK = "/"
# In heights of the upper word.
_OVERLAP = 0.4


def rejoined(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """The same blocks; a word that ends at a slash and the one that goes on below it become one."""
    return tuple(Block(tuple(_line(line) for line in block.lines), block.kind) for block in blocks)


def _line(line: Line) -> Line:
    words: list[Word] = []
    for word in line.words:
        if words and _goes_on(words[-1], word):
            words[-1] = _joined(words[-1], word)
        else:
            words.append(word)
    return Line(tuple(words))


def _goes_on(upper: Word, lower: Word) -> bool:
    """Whether `lower` stands below `upper`, as the next word of its cell, with the slash at the break."""
    if upper.box is None or lower.box is None:
        return False
    if upper.text.endswith(_BREAK) == lower.text.startswith(_BREAK):
        return False
    is_below = lower.box.top > upper.box.bottom - _OVERLAP * upper.box.height
    return is_below and lower.box.left < upper.box.right and upper.box.left < lower.box.right


def _joined(upper: Word, lower: Word) -> Word:
    return Word(
        upper.text + lower.text,
        min(upper.confidence, lower.confidence),
        Box.around(box for box in (upper.box, lower.box) if box is not None),
        tuple(sorted({*upper.doubts, *lower.doubts})),
    )
