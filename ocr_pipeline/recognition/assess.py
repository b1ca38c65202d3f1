"""Assessing a page that was read: doubts on its words, guards over the whole, one confidence."""

from __future__ import annotations

from dataclasses import dataclass, field

from ocr_pipeline.domain.text import PageText
from ocr_pipeline.recognition.confidence import ConfidenceRules, mark_doubts, page_confidence
from ocr_pipeline.recognition.guards import GuardRules, examine, is_blank


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


class AssessPage:
    """Assesses pages by fixed rules. Safe between threads."""

    def __init__(self, rules: AssessmentRules) -> None:
        self._rules = rules

    def __call__(self, page: PageText) -> Assessment:
        """The page with its doubts marked, and what a verdict needs."""
        marked = mark_doubts(page, self._rules.confidence)
        confidence = page_confidence(marked, examine(marked, self._rules.guards), self._rules.confidence)
        return Assessment(marked, confidence.value, is_blank(marked, self._rules.guards), confidence.reasons)
