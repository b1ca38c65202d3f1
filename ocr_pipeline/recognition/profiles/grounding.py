"""Places that models write between their words: DeepSeek-OCR's tags, and Qwen's lists of boxes in JSON.

The words are kept, the places dropped: no profile asks for places, and what they are worth nobody has measured.
"""

from __future__ import annotations

import json
import re
from typing import Final

_TAG = re.compile(r"<\|(/?)(ref|det|grounding)\|>")
_PLACE = re.compile(r"\A\s*(?:([a-z_]{1,24})\s*)?\[(?:[\[\]\d.,\s]*\]|[\[\d.,\s]*\Z)")

LABELS: Final = frozenset({
    "title", "sub_title", "text", "paragraph", "list", "list_item", "table", "table_caption", "table_footnote", "image",
    "image_caption", "figure", "figure_title", "figure_caption", "caption", "chart", "equation", "formula",
    "isolate_formula", "formula_caption", "header", "footer", "page_number", "page_footnote", "footnote", "reference",
    "code", "algorithm", "seal", "signature", "handwriting", "aside_text", "abandon",
})  # fmt: skip
"""Kinds of layout that DeepSeek-OCR and its kin put before a block. Another label is text of the page."""

_TEXT_KEYS = ("text_content", "text", "content", "label")
_BOX_KEYS = ("bbox_2d", "bbox", "box_2d")


def without_tags(answer: str) -> str:
    """An answer of DeepSeek-OCR with each labelled block on lines of its own, labels and places taken out."""
    kept: list[str] = []
    reached = 0
    within = ""
    for tag in _TAG.finditer(answer):
        kept.append(_content(answer[reached : tag.start()], within))
        within = "" if tag[1] else tag[2]
        reached = tag.end()
    kept.append(_content(answer[reached:], within))
    return " ".join(kept)


def listed_text(answer: str) -> str | None:
    """The texts of a JSON list of boxes, one a line; None for any other answer, or where words would be lost."""
    if not answer.lstrip().startswith(("[", "{")) or not any(f'"{key}"' in answer for key in _BOX_KEYS):
        return None
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    entries = found if isinstance(found, list) else [found]
    texts = [_text_of(entry) for entry in entries]
    return None if not texts or None in texts else "\n".join(filter(None, texts))


def _content(text: str, within: str) -> str:
    """What is left of the text inside a tag, or of that between tags, where `within` is empty."""
    match within:
        case "ref":
            return "\n\n" if text.strip().lower() in LABELS else f"\n{text}\n"
        case "det":
            return _PLACE.sub(_without_place, text)
        case _:
            return text


def _without_place(place: re.Match[str]) -> str:
    return "\n" if place[1] is None or place[1] in LABELS else place[0]


def _text_of(entry: object) -> str | None:
    """The one text of a box, or None where there are several, or none."""
    if not isinstance(entry, dict):
        return None
    texts = [entry[key] for key in _TEXT_KEYS if isinstance(entry.get(key), str)]
    others = [value for key, value in entry.items() if key not in _TEXT_KEYS and isinstance(value, str)]
    return texts[0] if len(texts) == 1 and not others else None
