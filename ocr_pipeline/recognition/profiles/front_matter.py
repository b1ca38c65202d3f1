"""The front matter that olmOCR writes above its Markdown: what it says of the page, and where the text begins.

Only lines with keys of olmOCR's own are taken; whatever else stands there is text of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_EDGE = "---"
_LINE = re.compile(r"(primary_language|is_rotation_valid|rotation_correction|is_table|is_diagram)\s*:\s*(\S*)")
_TURNS = frozenset({90, 180, 270})


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What the model says of a page. `language` is a two-letter code, None where it read nothing or did not say.

    `turn` is the clockwise turn in degrees that would bring the page upright, 0 when it stands so.
    """

    language: str | None = None
    turn: int = 0
    is_table: bool = False
    is_diagram: bool = False


def split(answer: str) -> tuple[FrontMatter | None, str]:
    """Part an answer, with plain line ends, into front matter (None where there is none) and text."""
    lines = answer.lstrip().split("\n")
    if lines[0].strip() != _EDGE:
        return None, answer
    values: dict[str, str] = {}
    for at, line in enumerate(lines[1:], start=1):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            if not values:
                return None, answer
            end = at + 1 if line.strip() == _EDGE else at
            return _understood(values), "\n".join(lines[end:])
        values[found[1]] = found[2].strip("\"'").lower()
    return (_understood(values), "") if values else (None, answer)


def _understood(values: dict[str, str]) -> FrontMatter:
    language = values.get("primary_language", "")
    turn = values.get("rotation_correction", "")
    wrong_way = values.get("is_rotation_valid") == "false"
    degrees = int(turn) if turn in map(str, _TURNS) else 0
    return FrontMatter(
        language=None if language in {"", "null", "none", "~"} else language,
        turn=degrees if wrong_way else 0,
        is_table=values.get("is_table") == "true",
        is_diagram=values.get("is_diagram") == "true",
    )
