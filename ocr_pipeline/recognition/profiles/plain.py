"""Plain answers: each line as it stands, a new block after an empty line. Every other parser ends here."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ocr_pipeline.recognition.profiles.profile import ParsedBlock

_CONTROL_TOKEN = re.compile(r"<[|\uff5c]/?[A-Za-z][^<>|\uff5c\s]{0,31}[|\uff5c]>")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSEEN = {
    **{code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\n")},
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff")),
}
"""Control characters part words; those that have no width do not."""
_REPLACEMENT = "\ufffd"


def parse(answer: str) -> tuple[ParsedBlock, ...]:
    """The lines of an answer that has no markup."""
    return blocks_of(cleaned(answer).split("\n"))


def cleaned(answer: str) -> str:
    """The answer without what nobody can see: one kind of line end, no control characters or tokens of the server."""
    text = "\n".join(_CONTROL_TOKEN.sub(" ", answer).splitlines())
    return _SURROGATE.sub(_REPLACEMENT, text.translate(_UNSEEN))


def blocks_of(lines: Iterable[str]) -> tuple[ParsedBlock, ...]:
    """Gather lines into blocks, a new one after each line without words."""
    blocks: list[ParsedBlock] = []
    gathered: list[str] = []
    for line in lines:
        words = " ".join(line.split())
        if words:
            gathered.append(words)
        elif gathered:
            blocks.append(ParsedBlock(tuple(gathered)))
            gathered = []
    if gathered:
        blocks.append(ParsedBlock(tuple(gathered)))
    return tuple(blocks)
