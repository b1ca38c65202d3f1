"""Runs texts under guard, with a survey that is off by as much as one likes, and measures what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from ocr_pipeline.ports.survey import Survey
from ocr_pipeline.recognition.streaming.expected import SLACK, ExpectedText
from ocr_pipeline.recognition.streaming.guards import StreamGuards
from ocr_pipeline.recognition.streaming.rules import StreamRules
from tests.unit.streaming.loops import LoopedText
from tests.unit.streaming.pages import tokens


class Paper(Protocol):
    """What a survey can find out of a page."""

    @property
    def glyphs(self) -> int: ...

    @property
    def ink(self) -> float: ...

    @property
    def twins(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """A text under guard: how many characters were written until it was cut (None: never), and how many were kept."""

    cut_after: int | None
    kept: int


def expected(paper: Paper, seen: float | None, slack: float = SLACK) -> ExpectedText | None:
    """What is expected of a page when the survey sees this share of its letters and digits; None: no survey."""
    if seen is None:
        return None
    return ExpectedText.of(Survey(paper.ink, round(paper.glyphs * seen), round(paper.twins * seen)), slack)


def read(text: str, hopes: ExpectedText | None, rules: StreamRules | None = None, seed: int = 1) -> Reading:
    """Feed a text in tokens until a guard speaks."""
    guards = StreamGuards(rules or StreamRules(), hopes)
    length = 0
    for token in tokens(text, Random(seed)):
        length += len(token)
        if guards.feed(token) is not None:
            return Reading(length, guards.kept_text_end)
    return Reading(None, guards.kept_text_end)


def waste(loop: LoopedText, hopes: ExpectedText | None, rules: StreamRules | None = None) -> float:
    """Characters after the first round until the cut, in lengths of the page's true text."""
    reading = read(loop.text, hopes, rules)
    written = len(loop.text) if reading.cut_after is None else reading.cut_after
    return max(0, written - loop.first_round) / len(loop.page)
