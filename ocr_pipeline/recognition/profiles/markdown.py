"""Markdown, with the HTML and LaTeX that models mix into it, as blocks of plain lines."""

from __future__ import annotations

import re
from itertools import groupby

from ocr_pipeline.recognition.profiles import plain, tables
from ocr_pipeline.recognition.profiles.inline import inline
from ocr_pipeline.recognition.profiles.profile import ParsedBlock

_FENCE = re.compile(
    r"(?:`{3,}|~{3,})[ \t]*(?:markdown|md|html|json|text|txt|plaintext|latex|tex|ya?ml|csv)?", re.IGNORECASE
)
_RULER = re.compile(r"(?:[-*=+][ \t]*){3,}")
_MATH_EDGE = re.compile(r"\\\[|\\\]|\$\$")
_HEADING = re.compile(r"(#{1,6})\s+(.*)")


def parse(answer: str, *, least_hashes: int = 1) -> tuple[ParsedBlock, ...]:
    """Blocks of an answer. `least_hashes` make a heading; fewer are printed, as before problems in clinical notes."""
    blocks: list[ParsedBlock] = []
    for section in tables.sections(plain.cleaned(answer)):
        if isinstance(section, tables.Rows):
            blocks += _table(section)
        else:
            blocks += _prose(section.text, least_hashes)
    return tuple(blocks)


def unfenced(answer: str) -> str:
    """The answer without a code fence around the whole of it."""
    lines = answer.strip().split("\n")
    if len(lines) > 1 and _FENCE.fullmatch(lines[0].strip()):
        lines = lines[1:-1] if _FENCE.fullmatch(lines[-1].strip()) else lines[1:]
    return "\n".join(lines)


def _table(table: tables.Rows) -> list[ParsedBlock]:
    rows = (" ".join(filter(None, map(inline, row))) for row in table.rows)
    lines = tuple(filter(None, rows))
    return [ParsedBlock(lines, "table")] if lines else []


def _prose(text: str, least_hashes: int) -> list[ParsedBlock]:
    blocks: list[ParsedBlock] = []
    gathered: list[str] = []
    for has_pipes, group in groupby(text.split("\n"), key=tables.looks_like_row):
        lines = list(group)
        table = tables.pipe_rows(lines) if has_pipes else None
        if table is None:
            gathered += [_line(line, least_hashes) for line in map(str.strip, lines) if not _is_mark(line)]
        else:
            blocks += [*plain.blocks_of(gathered), *_table(table)]
            gathered = []
    return [*blocks, *plain.blocks_of(gathered)]


def _is_mark(line: str) -> bool:
    """Whether a line is markup and nothing else: a code fence, a ruler, the edge of a formula."""
    return bool(line) and any(mark.fullmatch(line) for mark in (_FENCE, _RULER, _MATH_EDGE))


def _line(line: str, least_hashes: int) -> str:
    heading = _HEADING.fullmatch(line)
    if heading is not None and len(heading[1]) >= least_hashes:
        line = heading[2].rstrip().rstrip("#")
    return inline(line) if line else ""
