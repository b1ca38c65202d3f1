"""What counts as the same word: quotes, hyphens, forms of a character and punctuation around a word do not.

Everything else does: case, digits, units, decimal points, signs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ocr_pipeline.domain.fields import critical_kinds, is_code
from ocr_pipeline.domain.measures import normalise
from ocr_pipeline.domain.text import PageText, Word

_ALIKE = str.maketrans(
    {
        **dict.fromkeys("\u00b7\u2022\u2027\u2219\u22c5\u25cf\u25e6\u30fb\u318d\u119e", "\u00b7"),
        **dict.fromkeys("\u223c\u301c", "~"),
        **dict.fromkeys("\u25a1\u25a2\u25fb\u2610", "\u25a1"),
        **dict.fromkeys("\u3002\uff61", "."),
    }
)
# A sign before a number or a point inside it counts; a bracket, a full stop or a comma at the end of a word does not.
_BEFORE, _BEHIND = "([{\"'\u00b7|", ")]}\"'\u00b7|.,;:"
_MASKED = re.compile(r"[*\u25cf]{3,}")
_FIGURES = re.compile(r"(?<![A-Za-z\d])\d+(?:[.,:/]\d+)*|\d+(?:[.,:/]\d+)*(?![A-Za-z\d])")
_LETTERS_AS_DIGITS = {"I": "1l|!]", "O": "0", "S": "5", "B": "8", "G": "6", "Z": "2"}


@dataclass(frozen=True, slots=True)
class FoldedPage:
    """The words of a page in reading order, the texts by which they are compared, and what field each is part of."""

    words: tuple[Word, ...]
    texts: tuple[str, ...]
    kinds: tuple[str | None, ...]

    @classmethod
    def of(cls, page: PageText) -> FoldedPage:
        """Fold a page."""
        words = tuple(page.words)
        kinds = [kind for line in page.lines for kind in critical_kinds([word.text for word in line.words])]
        return cls(words, tuple(fold(word.text) for word in words), tuple(kinds))


def fold(text: str) -> str:
    """The text by which words are compared; punctuation alone stays as it is."""
    plain = _MASKED.sub("***", normalise(text).translate(_ALIKE).replace(" ", ""))
    return plain.lstrip(_BEFORE).rstrip(_BEHIND) or plain


def figures(text: str) -> tuple[str, ...]:
    """The numbers in a text; a digit inside a name (`HbA1c`) is none."""
    return tuple(_FIGURES.findall(text))


def is_code_misread(code: str, read: str) -> bool:
    """Whether `read` is what readers commonly make of a disease code: `110` of `I10`."""
    same = len(code) == len(read) and code[1:] == read[1:]
    return same and is_code(code) and read[0] in _LETTERS_AS_DIGITS.get(code[0], "")
