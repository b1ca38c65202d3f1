"""What a second reading says of one word of a first: its new confidence, its doubt, its box.

The second reading never changes a text. With p and s the confidences of the two readers in a word:

- both read the same: p rises towards `max(p, 1 - max((1 - p)(1 - s), shared))` with the second reader's reliability on
  this page. That is the noisy-or of two witnesses with a floor under the doubt that is left, because two readers can
  share a mistake; and where little else agrees, one word may agree by chance;
- they differ: `min(p, cap)`; the cap falls from `unverified` towards `differ` (`differ_critical` for words that must
  be right) with the second reader's reliability on this page times its confidence in what it read;
- the second reader saw nothing there: `min(p, cap)`; the cap falls from `unverified` towards `unseen`
  (`unseen_critical`) with the second reader's reliability on this page.

So a reader that cannot read the page contradicts nobody, and yet nothing that it did not confirm is worth more than
`unverified`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_pipeline.domain.fields import is_result_unit, is_unit
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import Box, Word
from ocr_pipeline.recognition.agreement.alignment import Kind
from ocr_pipeline.recognition.agreement.folding import figures, fold, is_code_misread

DISAGREED = PageReason.READERS_DISAGREE.value
"""Doubt on a word that the second reader reads otherwise."""

UNCONFIRMED = "unconfirmed"
"""Doubt on a word that the second reader did not see, or could hardly read."""

_LIFTED = frozenset({PageReason.UNSCORED.value})


@dataclass(frozen=True, slots=True)
class WordRules:
    """Caps on words; the module tells how they are used.

    A contradiction weaker than `contradicts` does no more than leave a word unconfirmed.
    """

    shared: float = 0.01
    unverified: float = 0.75
    differ: float = 0.5
    differ_critical: float = 0.2
    unseen: float = 0.65
    unseen_critical: float = 0.5
    contradicts: float = 0.3


@dataclass(frozen=True, slots=True)
class Standing:
    """How a word stands to the second reading: its match, its partners there, and what field it is part of."""

    kind: Kind
    partners: tuple[Word, ...]
    field: str | None


@dataclass(frozen=True, slots=True)
class Weighed:
    """A word after weighing; `contradicted` [0, 1] is how firmly something else was read where it must be right."""

    word: Word
    contradicted: float = 0.0


def weighed(word: Word, standing: Standing, reliability: float, rules: WordRules) -> Weighed:
    """The word with confidence and doubts that follow from its standing, and with a box where it had none.

    Where the second reader is of no use at all, neither are its boxes.
    """
    placed = replace(word, box=_place(standing.partners)) if word.box is None and reliability > 0 else word
    if standing.kind in {Kind.AGREE, Kind.SPACING}:
        return Weighed(_confirmed(placed, standing.partners, reliability, rules))
    text, read = fold(word.text), fold("".join(partner.text for partner in standing.partners))
    if is_code_misread(text, read):
        return Weighed(placed)
    critical = standing.field is not None or figures(text) != figures(read) or _is_other_unit(text, read)
    if standing.kind is Kind.UNSEEN:
        lowest = rules.unseen_critical if critical else rules.unseen
        return Weighed(_doubted(placed, UNCONFIRMED, _between(rules.unverified, lowest, reliability)))
    strength = reliability * _least(standing.partners)
    lowest = rules.differ_critical if critical else rules.differ
    name = DISAGREED if strength >= rules.contradicts else UNCONFIRMED
    return Weighed(_doubted(placed, name, _between(rules.unverified, lowest, strength)), strength if critical else 0.0)


def beside_missing(word: Word, reliability: float, rules: WordRules) -> Word:
    """A word next to which the second reader saw another that is not here."""
    return _doubted(word, PageReason.TEXT_MISSED.value, _between(rules.unverified, rules.differ, reliability))


def _confirmed(word: Word, partners: Sequence[Word], reliability: float, rules: WordRules) -> Word:
    left = max((1 - word.confidence) * (1 - _least(partners)), rules.shared)
    best = max(word.confidence, 1 - left)
    doubts = tuple(name for name in word.doubts if not (reliability > 0 and name in _LIFTED))
    return replace(word, confidence=_between(word.confidence, best, reliability), doubts=doubts)


def _doubted(word: Word, name: str, cap: float) -> Word:
    doubts = word.doubts if name in word.doubts else (*word.doubts, name)
    return replace(word, confidence=min(word.confidence, cap), doubts=doubts)


def _place(partners: Sequence[Word]) -> Box | None:
    return Box.around(partner.box for partner in partners if partner.box is not None)


def _is_other_unit(text: str, read: str) -> bool:
    """Whether a unit was read as something else; a stroke is easily lost (`U/L`, `UL`) and tells no units apart."""
    return (is_unit(text) or is_result_unit(text)) and text.replace("/", "") != read.replace("/", "")


def _least(partners: Sequence[Word]) -> float:
    return min((partner.confidence for partner in partners), default=0.0)


def _between(start: float, end: float, share: float) -> float:
    """The value so much of the way from start to end."""
    return min(max(start, end), max(min(start, end), start + (end - start) * share))
