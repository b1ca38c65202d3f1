"""What a model writes, one symbol at a time: a character, or a whole tag of HTML or of a table language.

A tag stands for what it draws (a cell's border, the end of a row), so that a table looks alike in any markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

ROW_END: Final = "\n"
CELL: Final = "|"
NUMBER: Final = "\N{MATHEMATICAL BOLD DIGIT ZERO}"
"""Stands for any number where numbers make no difference: a digit, but none that is printed."""

_OPENS, _CLOSES = "<", ">"
_LONGEST_TAG = 200
_TAG = re.compile(r"<(?P<name>/?[A-Za-z][A-Za-z0-9_]*|\|)[^<>]*>")
_ROW_ENDS = frozenset({"/tr", "/p", "/li", "/div", "br", "nl"})
_CELLS = frozenset({"td", "th", "fcel", "ched", "rhed", "srow", "ecel", "lcel", "ucel", "xcel"})
_ALIKE_KEPT = 3


class Symbol(NamedTuple):
    """One symbol, and where in the text it ends."""

    text: str
    end: int


class SymbolReader:
    """Turns text that comes in pieces into symbols. What may be a tag is held back until it is whole."""

    def __init__(self) -> None:
        self._held = ""
        self._read = 0

    def read(self, text: str) -> Iterator[Symbol]:
        """The symbols that this piece of text completes."""
        for character in text:
            if character == _OPENS:
                yield from self._as_it_stands()
            self._read += 1
            if not self._held and character != _OPENS:
                yield Symbol(character, self._read)
                continue
            self._held += character
            if character == _CLOSES:
                yield from self._closed()
            elif len(self._held) > _LONGEST_TAG or not _may_become_tag(self._held):
                yield from self._as_it_stands()

    def _closed(self) -> Iterator[Symbol]:
        tag = _TAG.fullmatch(self._held)
        if tag is None:
            yield from self._as_it_stands()
            return
        self._held = ""
        drawn = _drawn(tag["name"].lower())
        if drawn:
            yield Symbol(drawn, self._read)

    def _as_it_stands(self) -> Iterator[Symbol]:
        held, self._held = self._held, ""
        yield from (Symbol(character, self._read - len(held) + at) for at, character in enumerate(held, start=1))


class Folding:
    """Passes symbols on so that what differs only in numbers, white space or the length of a row of dots looks alike.

    A number of any length is one symbol, white space is one, and of a sign over and over three are left.
    """

    def __init__(self) -> None:
        self._last = ""
        self._times = 0

    def fold(self, symbol: str) -> str | None:
        """The symbol as it counts, None where it adds nothing to the one before."""
        if symbol.isalpha():
            self._last = symbol
            return symbol
        folded = NUMBER if symbol.isdigit() else " " if symbol.isspace() and symbol != ROW_END else symbol
        self._times = self._times + 1 if folded == self._last else 1
        self._last = folded
        most = 1 if folded == NUMBER or folded.isspace() else _ALIKE_KEPT
        return folded if self._times <= most else None


def _drawn(name: str) -> str:
    return ROW_END if name in _ROW_ENDS else CELL if name in _CELLS else ""


def _may_become_tag(held: str) -> bool:
    start = held[1:2]
    return start in {"", "|", "/"} or (start.isascii() and start.isalpha())
