"""The text a PDF page carries itself: kept where it is worth comparing with what was read."""

from __future__ import annotations

import unicodedata

MIN_CHARACTERS = 16
"""Fewer are a stamp or a page number, not the page's text."""

MAX_BAD_SHARE = 0.05
"""Above this share of characters that mean nothing, the fonts of the page do not tell what their glyphs are."""

_MEANINGLESS = frozenset({"Cc", "Cn", "Co", "Cs"})
_REPLACEMENT = "\ufffd"


def worthwhile(text: str, max_characters: int) -> str | None:
    """The text, cut to a length, or None where it is too little or mostly replacement and private-use characters."""
    text = text[:max_characters].strip()
    marks = [character for character in text if not character.isspace()]
    bad = sum(character == _REPLACEMENT or unicodedata.category(character) in _MEANINGLESS for character in marks)
    if len(marks) - bad < MIN_CHARACTERS or bad > MAX_BAD_SHARE * len(marks):
        return None
    return text
