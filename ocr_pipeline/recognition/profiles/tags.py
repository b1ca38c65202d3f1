"""The HTML (and OTSL) tags that models write. Whatever else stands between angle brackets is text: `<0.5` is a value.

A general HTML parser is no help here: it takes any `<word` for a tag and drops it, and words of a page with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ocr_pipeline.recognition.profiles.latex import SUBSCRIPTS, SUPERSCRIPTS

CELL_TAGS: Final = frozenset({"td", "th"})
ROW_TAGS: Final = frozenset({"tr", "caption"})
TABLE_TAGS: Final = frozenset({"table", "thead", "tbody", "tfoot", "colgroup", "col"})
OTSL_FILLED: Final = frozenset({"fcel", "ched", "rhed", "srow"})
"""Tags before a cell's text. OTSL is Docling's language of tables, in which PaddleOCR-VL answers."""
OTSL_EMPTY: Final = frozenset({"ecel", "lcel", "ucel", "xcel"})
OTSL_END: Final = "nl"
PARAGRAPH_TAGS: Final = frozenset({
    "p", "div", "section", "article", "header", "footer", "main", "nav", "aside",
    "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "blockquote", "center", "figure", "hr", "pre",
    "html", "head", "body", "title", "signature", "watermark", "page_number",
})  # fmt: skip
LINE_TAGS: Final = frozenset({"br", "li", "dt", "dd", "figcaption"})
INLINE_TAGS: Final = frozenset({
    "b", "strong", "i", "em", "u", "s", "del", "ins", "mark", "small", "big", "span", "font", "a", "code", "kbd",
    "sup", "sub", "img", "input", "label",
})  # fmt: skip

_KNOWN = (
    CELL_TAGS | ROW_TAGS | TABLE_TAGS | OTSL_FILLED | OTSL_EMPTY | {OTSL_END}
    | PARAGRAPH_TAGS | LINE_TAGS | INLINE_TAGS
)  # fmt: skip
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9_]{0,11})(\s[^<>]*|/)?>")
_CUT_TAG = re.compile(r"</?(?:table|thead|tbody|tr|td|th|div|span)(?:\s[^<>]*)?\Z", re.IGNORECASE)
_REMARK = re.compile(
    r"<!--\s*(?:(?:image|table|figure|formula|chart)\s*)?\([\d\s.,]*\)\s*-->|<!--|-->|<!doctype[^<>]*>", re.IGNORECASE
)
_RAISED = re.compile(r"<(su[pb])>([^<>]{0,40})</\1>", re.IGNORECASE)
_LONE_RAISED = re.compile(r"<sup>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag by its lower-case name; `attributes` as written."""

    name: str
    closing: bool
    attributes: str


def scan(text: str) -> Iterator[str | Tag]:
    """Text and known tags in order. Remarks in HTML are opened, raised and lowered figures become such characters."""
    text = _REMARK.sub(" ", _CUT_TAG.sub("", text))
    text = _LONE_RAISED.sub("^", _RAISED.sub(_shifted, text))
    reached = 0
    for found in _TAG.finditer(text):
        name = found[2].lower()
        if name not in _KNOWN:
            continue
        if found.start() > reached:
            yield text[reached : found.start()]
        yield Tag(name, bool(found[1]), found[3] or "")
        reached = found.end()
    if reached < len(text):
        yield text[reached:]


def _shifted(match: re.Match[str]) -> str:
    raised = match[1].lower() == "sup"
    table = SUPERSCRIPTS if raised else SUBSCRIPTS
    inside = match[2].strip()
    if all(ord(character) in table for character in inside):
        return inside.translate(table)
    # Raised letters (1st, ®) read on; a raised figure among others must not join the number before it.
    return f"^{inside}" if raised and any(map(str.isdigit, inside)) else inside
