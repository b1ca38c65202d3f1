"""Who is told what happens while pages are generated: counters, in production."""

from __future__ import annotations


class ReadingObserver:
    """Told of guards and tokens. Does nothing; made to be extended."""

    def guard_spoke(self, name: str) -> None:
        """A guard spoke against a reading; `name` is the reason kept on the page."""

    def generated(self, *, prompt_tokens: int, completion_tokens: int, seconds: float) -> None:
        """A generation ended, for whatever reason."""

    def cut(self, *, tokens: int) -> None:
        """A generation was cut short after so many tokens."""
