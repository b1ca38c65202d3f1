"""Readings made from plain text: a line is a line, an empty line ends a block."""

from __future__ import annotations

from ocr_pipeline.domain.text import Block, Box, Line, PageText, Word

LETTER_WIDTH, LINE_HEIGHT = 10.0, 20.0


def first_reading(text: str, confidence: float = 0.9, ink: float | None = None) -> PageText:
    """As a model reads: no boxes."""
    return PageText(_blocks(text, confidence, boxed=False), "model", 1000, 1400, ink=ink)


def second_reading(text: str, confidence: float = 0.95, ink: float | None = 0.04) -> PageText:
    """As an engine reads that knows where words stand. A word may end in `@0.6`: its confidence."""
    return PageText(_blocks(text, confidence, boxed=True), "engine", 700, 990, rotation=90, skew=0.5, ink=ink)


def word(page: PageText, text: str) -> Word:
    """The first word of a page with this text."""
    return next(word for word in page.words if word.text == text)


def doubted(page: PageText) -> list[str]:
    return [word.text for word in page.words if word.doubts]


def _blocks(text: str, confidence: float, *, boxed: bool) -> tuple[Block, ...]:
    top = 0.0
    blocks = []
    for part in text.split("\n\n"):
        lines = []
        for line in part.splitlines():
            if not line.split():
                continue
            lines.append(_line(line, top, confidence, boxed=boxed))
            top += LINE_HEIGHT
        if lines:
            blocks.append(Block(tuple(lines)))
    return tuple(blocks)


def _line(line: str, top: float, confidence: float, *, boxed: bool) -> Line:
    left = 0.0
    words = []
    for part in line.split():
        text, at, own = part.rpartition("@")
        text, sure = (text, float(own)) if at and boxed else (part, confidence)
        right = left + len(text) * LETTER_WIDTH
        words.append(Word(text, sure, Box(left, top, right, top + LINE_HEIGHT) if boxed else None))
        left = right + LETTER_WIDTH
    return Line(tuple(words))
