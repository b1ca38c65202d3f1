"""Markup inside a line: emphasis, code, links, pictures, escapes, character references and LaTeX.

A mark goes only where a mark can be meant: `1*3*5`, `____` and the masks in `홍*동` or `010-***-1234` are printed so.
"""

from __future__ import annotations

import html
import re
from typing import Final

from ocr_pipeline.recognition.profiles import latex

_PICTURE = re.compile(r"!\[[^\[\]\n]*\]\([^()\n]*\)")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\(([^()\s]+)\)")
_TARGET = re.compile(r"(?:https?://|mailto:|www\.|#).+", re.IGNORECASE)
_MARK = re.compile(r"\*+|_+|`+")
_LONGEST_MARK: Final = 3
_ESCAPE = re.compile(r"\\([*_#|$%&~`<>{}\[\]!.+-])")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_JOINTS: Final = frozenset("-~/=+.,")


def inline(line: str) -> str:
    """The words of one line with one space between them."""
    line = _LINK.sub(_link, _PICTURE.sub(" ", " ".join(line.split())))
    line = _ESCAPE.sub(r"\1", _without_marks(latex.fold(line)))
    line = _REFERENCE.sub(lambda reference: html.unescape(reference[0]), line)
    return " ".join(line.split())


def _link(match: re.Match[str]) -> str:
    text, target = match[1], match[2]
    if _TARGET.fullmatch(target) is None:
        return match[0]
    return text if target in {text, f"mailto:{text}", f"http://{text}", f"https://{text}"} else f"{text} ({target})"


def _without_marks(line: str) -> str:
    """Drop pairs of emphasis and code marks. One pass: a mark closes the last one of its kind that was open."""
    opened: dict[str, tuple[int, int]] = {}
    gone: list[tuple[int, int]] = []
    for mark in _MARK.finditer(line):
        before = line[mark.start() - 1] if mark.start() else " "
        after = line[mark.end()] if mark.end() < len(line) else " "
        if len(mark[0]) > _LONGEST_MARK or before == "\\":
            continue
        if mark[0] in opened and _closes(mark[0], before, after):
            gone += [opened.pop(mark[0]), mark.span()]
        elif not before.isalnum() and not after.isspace() and after not in _JOINTS:
            opened[mark[0]] = mark.span()
    kept, reached = [], 0
    for start, end in sorted(gone):
        kept.append(line[reached:start])
        reached = end
    return "".join((*kept, line[reached:]))


def _closes(mark: str, before: str, after: str) -> bool:
    """Whether an open mark may end here. Korean particles follow bold words closely; figures must not join."""
    if before.isspace() or before in _JOINTS:
        return False
    if mark[0] == "*" and len(mark) > 1:
        return not (before.isdigit() and after.isdigit())
    return not after.isalnum()
