"""The text a model wrote, and how likely each piece of it was to the model."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.ports.generation import Finish, Token


@dataclass(frozen=True, slots=True)
class Transcript:
    """All tokens of one generation in order. `finish` is None when a guard cut it short."""

    tokens: tuple[Token, ...]
    finish: Finish | None = None

    @property
    def text(self) -> str:
        """What the tokens write together."""
        return "".join(token.text for token in self.tokens)

    @property
    def is_scored(self) -> bool:
        """Whether every token that wrote something came with its probability."""
        return all(token.logprob is not None for token in self.tokens if token.text)
