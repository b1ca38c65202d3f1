"""Confidence in a page, from confidence in its words and from what is known of the fields that matter.

The value estimates how likely the page is right enough to need no person:

    value = (mean + low words + low lines) / 3

- mean: of the words' confidences, each word weighing as many as it has characters;
- low words: the confidence below which the worst 5 % of the characters lie;
- low lines: the confidence below which the worst 10 % of the lines lie, so that one bad table is not drowned by
  good prose around it.

A page is no likelier to be right than a field on it that must be right: a doubtful field caps the value. So does any
guard that speaks. The value orders pages well and is calibrated, if at all, against pages that people reviewed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ocr_pipeline.domain.doubts import Doubt, doubts
from ocr_pipeline.domain.fields import critical_kinds
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import Line, PageText, Word

UNSURE_FIELD = "unsure_field"
"""Doubt on a dose, code, date or resident number of good form that the recogniser itself was not sure of."""

_FIELD_DOUBTS = frozenset(Doubt) | {UNSURE_FIELD}


@dataclass(frozen=True, slots=True)
class ConfidenceRules:
    """`doubtful` caps a doubtful word and its page, `guarded` a page over which a guard spoke.

    A critical word below `sure`, or one that the recogniser doubted, is doubtful even in good form.
    """

    doubtful: float = 0.5
    guarded: float = 0.2
    sure: float = 0.8
    word_quantile: float = 0.05
    line_quantile: float = 0.1


@dataclass(frozen=True, slots=True)
class PageConfidence:
    """How likely a page is right enough, and what spoke against it, most telling first."""

    value: float
    reasons: tuple[str, ...] = ()


def mark_doubts(page: PageText, rules: ConfidenceRules) -> PageText:
    """Name the doubts on each word and cap the confidence of doubtful fields. Texts and boxes stay as they are."""
    above: list[Word] = []
    blocks = []
    for block in page.blocks:
        lines = []
        for line in block.lines:
            lines.append(_marked(line, above, rules))
            above.extend(line.words)
        blocks.append(replace(block, lines=tuple(lines)))
    return replace(page, blocks=tuple(blocks))


def page_confidence(page: PageText, guards: Sequence[str], rules: ConfidenceRules) -> PageConfidence:
    """Confidence in a page whose doubts are marked; `guards` are the reasons of the guards that spoke.

    A page without text has no confidence: only a guard can tell that it is blank.
    """
    if page.is_empty:
        return PageConfidence(0.0, tuple(guards))
    words = _quantile(((word.confidence, len(word.text)) for word in page.words), rules.word_quantile)
    lines = _quantile(((line.confidence, 1) for line in page.lines if line.words), rules.line_quantile)
    value = (page.mean_confidence + words + lines) / 3
    reasons = tuple(guards)
    if any(_FIELD_DOUBTS.intersection(word.doubts) for word in page.words):
        value = min(value, rules.doubtful)
        reasons = (*reasons, PageReason.DOUBTFUL_FIELD.value)
    if guards:
        value = min(value, rules.guarded)
    return PageConfidence(value, reasons)


def _marked(line: Line, above: Sequence[Word], rules: ConfidenceRules) -> Line:
    kinds = critical_kinds([word.text for word in line.words])
    named = doubts(line.words, above)
    return Line(tuple(_doubted(*each, rules) for each in zip(line.words, named, kinds, strict=True)))


def _doubted(word: Word, names: tuple[str, ...], kind: str | None, rules: ConfidenceRules) -> Word:
    if not names and kind and (word.doubts or word.confidence < rules.sure):
        names = (UNSURE_FIELD,)
    fresh = tuple(name for name in names if name not in word.doubts)
    if not names:
        return word
    return replace(word, confidence=min(word.confidence, rules.doubtful), doubts=(*word.doubts, *fresh))


def _quantile(weighted: Iterable[tuple[float, int]], share: float) -> float:
    """The value up to which at least this share of the weight lies."""
    ordered: list[tuple[float, int]] = sorted(weighted)
    wanted = share * sum(weight for _, weight in ordered)
    return next(value for value, reached in _running(ordered) if reached >= wanted)


def _running(ordered: Iterable[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    reached = 0
    for value, weight in ordered:
        reached += weight
        yield value, reached
