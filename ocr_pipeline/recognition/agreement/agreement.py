"""From two readings of a page to one: texts and order of the first, weighed word by word by the second.

Words both readers have gain confidence, words they differ in become doubtful, and places on the page come from the
reader that knows them. What only one of them saw, and numbers that they read differently, become notes on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import Block, Line, PageText, Word
from ocr_pipeline.recognition.agreement.alignment import Alignment, Kind, align
from ocr_pipeline.recognition.agreement.folding import FoldedPage
from ocr_pipeline.recognition.agreement.gaps import similarity
from ocr_pipeline.recognition.agreement.omissions import OmissionRules, Omissions, longest_stretch, omissions
from ocr_pipeline.recognition.agreement.weighing import Standing, Weighed, WordRules, beside_missing, weighed


@dataclass(frozen=True, slots=True)
class AgreementRules:
    """Limits of a page, and the rules of its words.

    The second reader's reliability on a page is its mean confidence times the share of its letters that the first
    reading has as well, stretched so that `garbage` becomes 0 and `reliable` becomes 1. The readers disagree over a
    page when a word that must be right is contradicted as firmly as `contradiction`; when `invented` letters in a row
    were not seen by a second reader at least half reliable; or when `disagreement` of all letters stand in words that
    differ or were not seen, and the second reader has on average the confidence `sure`.
    """

    garbage: float = 0.3
    reliable: float = 0.8
    contradiction: float = 0.7
    invented: int = 10
    disagreement: float = 0.25
    sure: float = 0.8
    words: WordRules = field(default_factory=WordRules)
    omissions: OmissionRules = field(default_factory=OmissionRules)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The weighed page, and figures for who watches.

    `reliability` [0, 1] of the second reading; shares [0, 1] of the first reading's letters in words that `differ` and
    that were `unseen`, and of the letters the second reader is sure of that the first reading `missed`.
    """

    page: PageText
    reliability: float
    differ: float
    unseen: float
    missed: float


def agree(first: PageText, second: PageText, rules: AgreementRules) -> Agreement:
    """Weigh a first reading by a second of the same page."""
    return _Comparison(first, second, rules).agreement()


class _Comparison:
    """Two readings, matched."""

    def __init__(self, first: PageText, second: PageText, rules: AgreementRules) -> None:
        self._first, self._second, self._rules = first, second, rules
        self._words, self._others = FoldedPage.of(first), FoldedPage.of(second)
        self._alignment: Alignment = align(self._words, self._others)
        self._omissions: Omissions = omissions(self._alignment, self._others, rules.omissions)
        self._reliability = self._stretched(_mean_confidence(self._others.words) * self._share_alike())

    def agreement(self) -> Agreement:
        differ, unseen = self._share(Kind.DIFFER), self._share(Kind.UNSEEN)
        found = self._weighed()
        words = [
            beside_missing(each.word, self._reliability, self._rules.words)
            if at in self._omissions.beside
            else each.word
            for at, each in enumerate(found)
        ]
        notes = [PageReason.TEXT_MISSED] if self._omissions.matters else []
        if self._is_disputed(found, differ + unseen):
            notes.append(PageReason.READERS_DISAGREE)
        first, second = self._first, self._second
        page = replace(
            _placed(first, second, words),
            engine=f"{first.engine} + {second.engine}",
            ink=second.ink if first.ink is None else first.ink,
            notes=(*first.notes, *(note.value for note in notes if note.value not in first.notes)),
        )
        return Agreement(page, self._reliability, differ, unseen, self._omissions.share)

    def _weighed(self) -> list[Weighed]:
        return [
            weighed(
                word,
                Standing(match.kind, tuple(self._others.words[at] for at in match.partners), kind),
                self._reliability,
                self._rules.words,
            )
            for word, kind, match in zip(self._words.words, self._words.kinds, self._alignment.matches, strict=True)
        ]

    def _is_disputed(self, found: Sequence[Weighed], apart: float) -> bool:
        rules = self._rules
        sizes = [
            _letters(word) if match.kind is Kind.UNSEEN else 0
            for word, match in zip(self._words.words, self._alignment.matches, strict=True)
        ]
        return (
            any(each.contradicted >= rules.contradiction for each in found)
            or (self._reliability >= 1 / 2 and longest_stretch(sizes) >= rules.invented)
            or (apart >= rules.disagreement and _mean_confidence(self._others.words) >= rules.sure)
        )

    def _share(self, kind: Kind) -> float:
        words = self._words.words
        found = sum(
            _letters(word) for word, match in zip(words, self._alignment.matches, strict=True) if match.kind is kind
        )
        return found / (sum(map(_letters, words)) or 1)

    def _share_alike(self) -> float:
        """Share of the second reading's letters that the first has as well, in words that are at least half alike."""
        alike: dict[int, float] = {}
        for text, match in zip(self._words.texts, self._alignment.matches, strict=True):
            read = "".join(self._others.texts[at] for at in match.partners)
            same = similarity(text, read) if match.kind is Kind.DIFFER else 1.0
            for at in match.partners:
                alike[at] = max(alike.get(at, 0.0), same)
        words = self._others.words
        found = sum(_letters(words[at]) * same for at, same in alike.items() if same >= 1 / 2)
        return found / (sum(map(_letters, words)) or 1)

    def _stretched(self, value: float) -> float:
        rules = self._rules
        return min(1.0, max(0.0, (value - rules.garbage) / (rules.reliable - rules.garbage)))


def _mean_confidence(words: Sequence[Word]) -> float:
    total = sum(map(_letters, words))
    return sum(word.confidence * _letters(word) for word in words) / total if total else 0.0


def _letters(word: Word) -> int:
    return len(word.text)


def _placed(first: PageText, second: PageText, words: Sequence[Word]) -> PageText:
    """The first page with other words; in the second's coordinates where it is the second that gave the boxes."""
    fresh: Iterator[Word] = iter(words)
    page = replace(first, blocks=tuple(_refilled(block, fresh) for block in first.blocks))
    given = all(word.box is None for word in first.words) and any(word.box is not None for word in words)
    if not given:
        return page
    return replace(page, width=second.width, height=second.height, rotation=second.rotation, skew=second.skew)


def _refilled(block: Block, words: Iterable[Word]) -> Block:
    fresh = iter(words)
    return replace(block, lines=tuple(Line(tuple(next(fresh) for _ in line.words)) for line in block.lines))
