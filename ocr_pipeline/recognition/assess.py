"""Assessing a page that was read: doubts on its words, guards over the whole, one confidence."""

from __future__ import annotations

from ocr_pipeline.domain.text import PageText
from ocr_pipeline.recognition.recognise import Assessment


def assess(page: PageText) -> Assessment:
    """The page with its doubts marked, and what a verdict needs."""
    return Assessment(page, page.mean_confidence, "blank" in page.notes, ())
