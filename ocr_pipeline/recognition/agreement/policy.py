"""Which pages a second engine reads too, and what a page is worth that it should have read and did not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import Block, Line, PageText
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.recognition.confidence import ConfidenceRules, mark_doubts, page_confidence

_REASONS = frozenset(PageReason)
_HASH_BYTES = 8
_HASHES = 1 << 8 * _HASH_BYTES


class When(StrEnum):
    """Every page; those the first engine is doubtful of; a share of all; none."""

    ALWAYS = "always"
    DOUBTFUL = "doubtful"
    SAMPLED = "sampled"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class CrossCheckPolicy:
    """When to cross-check.

    `share` (0, 1] of all pages are sampled by a hash of the image under `key`, so that the same pages are chosen every
    time. A page is doubtful when reasons against it stand among its notes, or its
    confidence by the `rules` lies below `doubtful_below`. Where every page is to be checked, the words of one that was
    not are worth no more than `unchecked`.
    """

    when: When = When.ALWAYS
    share: float = 0.1
    key: bytes = b""
    doubtful_below: float = 0.85
    unchecked: float = 0.75
    rules: ConfidenceRules = field(default_factory=ConfidenceRules)

    def __post_init__(self) -> None:
        if self.when is When.SAMPLED and not (self.key and 0 < self.share <= 1):
            raise ValueError("sampling needs a key, and a share above 0 and up to 1")
        if len(self.key) > blake2b.MAX_KEY_SIZE:
            raise ValueError(f"the key has at most {blake2b.MAX_KEY_SIZE} bytes")
        if not (0 <= self.unchecked <= 1 and 0 <= self.doubtful_below <= 1):
            raise ValueError("caps and thresholds lie in [0, 1]")

    def chooses(self, image: PageImage) -> bool:
        """Whether a page is to be checked whatever the first engine makes of it."""
        if self.when is When.SAMPLED:
            digest = blake2b(image.data, digest_size=_HASH_BYTES, key=self.key).digest()
            return int.from_bytes(digest, "big") < int(self.share * _HASHES)
        return self.when is When.ALWAYS

    def doubts(self, page: PageText) -> bool:
        """Whether what the first engine made of a page calls for a check."""
        if self.when is not When.DOUBTFUL:
            return False
        spoken = tuple(note for note in page.notes if note in _REASONS)
        confidence = page_confidence(mark_doubts(page, self.rules), spoken, self.rules)
        return bool(spoken) or confidence.value < self.doubtful_below

    def unchecked_page(self, page: PageText) -> PageText:
        """A page that should have been checked and was not: noted, and capped where every page is to be checked."""
        note = PageReason.NOT_CROSS_CHECKED.value
        noted = page if note in page.notes else replace(page, notes=(*page.notes, note))
        return replace(noted, blocks=_capped(page.blocks, self.unchecked)) if self.when is When.ALWAYS else noted


def _capped(blocks: tuple[Block, ...], most: float) -> tuple[Block, ...]:
    return tuple(replace(block, lines=tuple(_capped_line(line, most) for line in block.lines)) for block in blocks)


def _capped_line(line: Line, most: float) -> Line:
    return Line(tuple(replace(word, confidence=min(word.confidence, most)) for word in line.words))
