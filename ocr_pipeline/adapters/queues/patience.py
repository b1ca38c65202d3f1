"""Holding on to a message while a service it needs is away."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

from ocr_pipeline.domain.errors import PipelineError


@dataclass(frozen=True, slots=True)
class Patience:
    """Pauses between tries, in seconds: they double from the first up to the longest, and end when `total` is spent."""

    first: float = 0.5
    longest: float = 30.0
    total: float = math.inf

    def pauses(self) -> Iterator[float]:
        """The pauses, one after another."""
        pause, spent = self.first, 0.0
        while spent < self.total:
            yield pause
            spent += pause
            pause = min(self.longest, pause * 2)


def is_outage(error: PipelineError) -> bool:
    """Whether an error says that something is away, and nothing about the work."""
    return error.retryable and not error.counts_attempt


def persist(
    action: Callable[[], object],
    *,
    stopping: Event,
    patience: Patience,
    notice: Callable[[PipelineError], None],
    may_pass: Callable[[PipelineError], bool] = is_outage,
) -> bool:
    """Repeat an action until it succeeds; False when told to stop, or when patience ends, first.

    Each error that may pass is given to `notice`; any other is raised.
    """
    for pause in patience.pauses():
        try:
            action()
        except PipelineError as error:
            if not may_pass(error):
                raise
            notice(error)
        else:
            return True
        if stopping.wait(pause):
            break
    return False
