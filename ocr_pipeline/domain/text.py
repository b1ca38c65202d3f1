"""What a recogniser read on one page: blocks of lines of words, each with a confidence and, where known, a box.

Coordinates are pixels of the stored page image after it was turned upright, origin at the top left.
Confidences are probabilities in [0, 1] that the text is exactly right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle, pixels: left <= right, top <= bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(side) for side in (self.left, self.top, self.right, self.bottom)):
            raise ValueError("a box needs finite sides")
        if self.left > self.right or self.top > self.bottom:
            raise ValueError("a box needs left <= right and top <= bottom")

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    @classmethod
    def around(cls, boxes: Iterator[Box]) -> Self | None:
        """The smallest box that holds all the given ones, or None for none."""
        found = list(boxes)
        if not found:
            return None
        return cls(
            min(box.left for box in found),
            min(box.top for box in found),
            max(box.right for box in found),
            max(box.bottom for box in found),
        )


@dataclass(frozen=True, slots=True)
class Word:
    """A run of text without spaces. `doubts` names the checks that lowered its confidence (never its text)."""

    text: str
    confidence: float
    box: Box | None = None
    doubts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.text or self.text.split() != [self.text]:
            raise ValueError("a word is one run of text without white space")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError("a confidence lies in [0, 1]")


@dataclass(frozen=True, slots=True)
class Line:
    """Words from left to right."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(word.text for word in self.words)

    @property
    def box(self) -> Box | None:
        """Around all words that have a box."""
        return Box.around(word.box for word in self.words if word.box is not None)

    @property
    def confidence(self) -> float:
        """Mean over the words, each weighted by its number of characters; 0 for an empty line."""
        return _weighted_mean(iter(self.words))


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together (a paragraph, a column, a table), in reading order."""

    lines: tuple[Line, ...]
    kind: str = "text"

    @property
    def text(self) -> str:
        """The lines, one below the other."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class PageText:
    """All that was read on one page, in reading order.

    `ink` is the share of dark pixels seen by the recogniser, None where it did not measure: an empty text
    on an inked page is a failure, on a blank page it is the truth.
    """

    blocks: tuple[Block, ...]
    engine: str
    width: int
    height: int
    rotation: int = 0
    skew: float = 0.0
    ink: float | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def lines(self) -> Iterator[Line]:
        """Every line, in reading order."""
        return (line for block in self.blocks for line in block.lines)

    @property
    def words(self) -> Iterator[Word]:
        """Every word, in reading order."""
        return (word for line in self.lines for word in line.words)

    @property
    def text(self) -> str:
        """Plain text: a newline between lines, an empty line between blocks."""
        return "\n\n".join(block.text for block in self.blocks)

    @property
    def is_empty(self) -> bool:
        """True when no word was read."""
        return next(self.words, None) is None

    @property
    def mean_confidence(self) -> float:
        """Mean over the words, each weighted by its number of characters; 0 for an empty page."""
        return _weighted_mean(self.words)

    def to_json(self) -> dict[str, Any]:
        """A plain structure for `json.dumps`, read back by `from_json`."""
        return {
            "format": _FORMAT,
            "engine": self.engine,
            "width": self.width,
            "height": self.height,
            "rotation": self.rotation,
            "skew": self.skew,
            "ink": self.ink,
            "notes": list(self.notes),
            "blocks": [
                {"kind": block.kind, "lines": [[_word_to_json(word) for word in line.words] for line in block.lines]}
                for block in self.blocks
            ],
        }

    def to_bytes(self) -> bytes:
        """Compact UTF-8 JSON, as it is sealed; read back by `from_bytes`."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The page that `to_bytes` wrote. Raises ValueError for anything else."""
        parsed = json.loads(data)
        if not isinstance(parsed, dict):
            raise ValueError("damaged page text")  # noqa: TRY004 - the bytes are wrong, not the caller's type
        return cls.from_json(parsed)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The page that `to_json` wrote. Raises ValueError for another format or a damaged structure."""
        if data.get("format") != _FORMAT:
            raise ValueError("unknown page text format")
        try:
            return cls(
                blocks=tuple(
                    Block(
                        tuple(Line(tuple(_word_from_json(word) for word in line)) for line in block["lines"]),
                        block["kind"],
                    )
                    for block in data["blocks"]
                ),
                engine=data["engine"],
                width=data["width"],
                height=data["height"],
                rotation=data["rotation"],
                skew=data["skew"],
                ink=data["ink"],
                notes=tuple(data["notes"]),
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError("damaged page text") from error


def _word_to_json(word: Word) -> dict[str, Any]:
    box = word.box
    data: dict[str, Any] = {"text": word.text, "confidence": round(word.confidence, 4)}
    if box is not None:
        data["box"] = [round(side, 1) for side in (box.left, box.top, box.right, box.bottom)]
    if word.doubts:
        data["doubts"] = list(word.doubts)
    return data


def _word_from_json(data: dict[str, Any]) -> Word:
    box = Box(*data["box"]) if "box" in data else None
    return Word(data["text"], data["confidence"], box, tuple(data.get("doubts", ())))


def _weighted_mean(words: Iterator[Word]) -> float:
    total = weight = 0.0
    for word in words:
        total += word.confidence * len(word.text)
        weight += len(word.text)
    return total / weight if weight else 0.0
