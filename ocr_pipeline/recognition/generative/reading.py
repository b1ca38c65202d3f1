"""One generation under guard: tokens are taken in as they come, and cut off where a guard speaks."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.generation import Finish, Token
from ocr_pipeline.ports.survey import Survey
from ocr_pipeline.recognition.generative.transcript import Transcript
from ocr_pipeline.recognition.profiles.profile import ModelProfile
from ocr_pipeline.recognition.streaming.expected import ExpectedText
from ocr_pipeline.recognition.streaming.guards import StreamGuards
from ocr_pipeline.recognition.streaming.rules import StreamRules


@dataclass(frozen=True, slots=True)
class Reading:
    """What a generation gave, less what a loop repeated; what the guards over its stream said; what it cost."""

    transcript: Transcript
    reasons: tuple[PageReason, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0


class StreamReader:
    """Takes the tokens of one generation."""

    def __init__(self, survey: Survey, profile: ModelProfile) -> None:
        rules = StreamRules(overhead=profile.overhead_characters)
        self._guards = StreamGuards(rules, ExpectedText.of(survey))
        self._tokens: list[Token] = []

    @property
    def tokens(self) -> int:
        """How many came so far."""
        return len(self._tokens)

    def take(self, token: Token) -> bool:
        """Take a token in; True when the generation is to be cut off."""
        self._tokens.append(token)
        return self._guards.feed(token.text) is not None

    def finished(self, finish: Finish | None) -> Reading:
        """The reading, `finish` as the server told it, None where it was cut off."""
        reasons = self._guards.finish(None if finish is None else finish.reason)
        prompt = 0 if finish is None else finish.prompt_tokens or 0
        written = len(self._tokens) if finish is None else finish.completion_tokens or len(self._tokens)
        return Reading(Transcript(self._kept(), finish), reasons, prompt, written)

    def _kept(self) -> tuple[Token, ...]:
        """Whole tokens up to where the guards keep the text, the last one shortened."""
        kept: list[Token] = []
        room = self._guards.kept_text_end
        for token in self._tokens:
            if len(token.text) > room:
                if room:
                    kept.append(Token(token.text[:room], token.logprob))
                break
            kept.append(token)
            room -= len(token.text)
        return tuple(kept)
