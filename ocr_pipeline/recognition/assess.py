"""Assessing a page that was read: doubts on its words, guards over the whole, one confidence."""

from __future__ import annotations

from dataclasses import dataclass, field

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.recognition.confidence import ConfidenceRules, mark_doubts, page_confidence
from ocr_pipeline.recognition.guards import GuardRules, examine, is_blank

_REASONS = frozenset(PageReason)
_WEIGHED_ELSEWHERE = frozenset({PageReason.NOT_CROSS_CHECKED.value})
"""What says less than a guard does, and has lowered the words' confidence where it should."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """A page as it will be kept, with its doubts marked, and what a verdict needs to know of it."""

    page: PageText
    confidence: float
    blank: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssessmentRules:
    """The rules of both halves."""

    confidence: ConfidenceRules = field(default_factory=ConfidenceRules)
    guards: GuardRules = field(default_factory=GuardRules)


def _told(page: PageText) -> tuple[str, ...]:
    """Reasons that the engine itself gave against its reading, among its other notes."""
    return tuple(note for note in page.notes if note in _REASONS)


class AssessPage:
    """Assesses pages by fixed rules. Safe between threads."""

    def __init__(self, rules: AssessmentRules) -> None:
        self._rules = rules

    def __call__(self, page: PageText) -> Assessment:
        """The page with its doubts marked, and what a verdict needs."""
        marked = mark_doubts(page, self._rules.confidence)
        told = _told(marked)
        guards = [reason for reason in told if reason not in _WEIGHED_ELSEWHERE]
        spoken = dict.fromkeys((*guards, *examine(marked, self._rules.guards)))
        confidence = page_confidence(marked, tuple(spoken), self._rules.confidence)
        reasons = tuple(dict.fromkeys((*confidence.reasons, *told)))
        return Assessment(marked, confidence.value, is_blank(marked, self._rules.guards), reasons)
