"""Tables in answers: HTML, OTSL and rows between pipes, each row one line of words, as the CPU engine lays them out.

A cell that spans rows or columns stands once, where it begins. Tables cut short, never closed or inside one another
keep every word; text that stands in no cell ends the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ocr_pipeline.recognition.profiles import tags
from ocr_pipeline.recognition.profiles.tags import Tag

_TICKED, _CLEAR = "☑", "☐"
_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\s*(?:-{2,}:?|:-+:?|-:)?\s*")
_CHECKED = re.compile(r"\bchecked\b(?!\s*=\s*[\"']?false)", re.IGNORECASE)
_FEWEST_ROWS = 2


@dataclass(frozen=True, slots=True)
class Prose:
    """Text that stands in no table; its tags have become line ends."""

    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table, each the texts of its cells from left to right."""

    rows: tuple[tuple[str, ...], ...]


def sections(text: str) -> list[Prose | Rows]:
    """Part an answer into tables and what stands between them."""
    reader = _Reader()
    for piece in tags.scan(text):
        if isinstance(piece, str):
            reader.text(piece)
        else:
            reader.tag(piece)
    return reader.finished()


def looks_like_row(line: str) -> bool:
    """Whether pipes part a line into cells."""
    return _PIPE.search(line) is not None


def pipe_rows(lines: Sequence[str]) -> Rows | None:
    """The table that consecutive lines with pipes are, or None where the pipes may well be printed."""
    framed = any(line.strip().startswith("|") and line.strip().endswith("|") and line.strip() != "|" for line in lines)
    if len(lines) < _FEWEST_ROWS and not framed:
        return None
    rows = (tuple(_PIPE.split(line)) for line in lines)
    return Rows(tuple(row for row in rows if not all(map(_RULE.fullmatch, row))))


@dataclass(slots=True)
class _Reader:
    """Where the reading of an answer stands: in prose, in a table, in a row, in a cell."""

    found: list[Prose | Rows] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    row: list[str] | None = None
    cell: list[str] | None = None
    in_table: bool = False

    def text(self, piece: str) -> None:
        if self.cell is not None:
            self.cell.append(piece)
        elif not self.in_table:
            self.prose.append(piece)
        elif piece.strip():
            self.end_table()
            self.prose.append(piece)

    def tag(self, tag: Tag) -> None:
        if tag.name in tags.CELL_TAGS | tags.OTSL_FILLED | tags.OTSL_EMPTY:
            self.cell_tag(tag)
        elif tag.name in tags.ROW_TAGS or tag.name == tags.OTSL_END:
            self.row_tag(tag)
        elif tag.name in tags.TABLE_TAGS:
            self.table_tag(tag)
        elif tag.name in tags.PARAGRAPH_TAGS:
            self.text("\n\n")
        elif tag.name in tags.LINE_TAGS and not tag.closing:
            self.text("\n")
        elif tag.name == "input" and "checkbox" in tag.attributes.lower():
            self.text(f" {_TICKED if _CHECKED.search(tag.attributes) else _CLEAR} ")

    def cell_tag(self, tag: Tag) -> None:
        self.end_cell()
        if tag.closing:
            return
        if self.row is None:
            self.start_row()
        if tag.name not in tags.OTSL_EMPTY:
            self.cell = []

    def row_tag(self, tag: Tag) -> None:
        self.end_row()
        if not tag.closing and tag.name != tags.OTSL_END:
            self.start_row()
            if tag.name == "caption":
                self.cell = []

    def table_tag(self, tag: Tag) -> None:
        self.end_row()
        if tag.name != "table":
            return
        self.end_table()
        self.in_table = not tag.closing

    def start_row(self) -> None:
        self.in_table = True
        self.row = []

    def end_cell(self) -> None:
        if self.cell is not None and self.row is not None:
            self.row.append("".join(self.cell))
        self.cell = None

    def end_row(self) -> None:
        self.end_cell()
        if self.row is not None:
            if not self.rows:
                self.end_prose()
            self.rows.append(tuple(self.row))
        self.row = None

    def end_table(self) -> None:
        self.end_row()
        if self.rows:
            self.found.append(Rows(tuple(self.rows)))
        self.rows = []
        self.in_table = False

    def end_prose(self) -> None:
        if self.prose:
            self.found.append(Prose("".join(self.prose)))
        self.prose = []

    def finished(self) -> list[Prose | Rows]:
        self.end_table()
        self.end_prose()
        return self.found
