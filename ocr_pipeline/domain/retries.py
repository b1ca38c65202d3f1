"""What follows a failure: a pure decision, taken in one place, the results stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from ocr_pipeline.domain.errors import PipelineError, ReadingGuarded
from ocr_pipeline.domain.pages import PageReason, PageState


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed try, as a worker reports it: the error's code and nature, never its text."""

    code: str
    retryable: bool
    counts_attempt: bool

    @classmethod
    def of(cls, error: PipelineError) -> Failure:
        """The report of an error; a guarded reading is reported by the name of the guard."""
        code = error.reason if isinstance(error, ReadingGuarded) else error.code
        return cls(code, error.retryable, error.counts_attempt)


@dataclass(frozen=True, slots=True)
class RetryRules:
    """Bounds of trying again: `max_attempts` real tries; delays (seconds) double from the first up to the longest."""

    max_attempts: int = 3
    first_delay: float = 2.0
    longest_delay: float = 300.0
    outage_delay: float = 10.0
    max_suspicions: int = 3
    review: bool = True


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `delay`, as attempt number `attempt`; `hotter` asks the engine to vary its settings."""

    delay: timedelta
    attempt: int
    hotter: bool


@dataclass(frozen=True, slots=True)
class ToReview:
    """A person takes over."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fail:
    """Nobody takes over: the page has failed."""

    reasons: tuple[str, ...]


Decision = Retry | ToReview | Fail


def decide(failure: Failure, attempt: int, rules: RetryRules) -> Decision:
    """Decide what follows the failure of try number `attempt` (from 1).

    An outage costs no attempt. A failure that trying cannot mend, or the last allowed one, goes to a person where
    review is on, else it is final.
    """
    if not failure.counts_attempt:
        return Retry(timedelta(seconds=rules.outage_delay), attempt, hotter=False)
    if failure.retryable and attempt < rules.max_attempts:
        delay = min(rules.longest_delay, rules.first_delay * 2 ** min(attempt - 1, 30))
        return Retry(timedelta(seconds=delay), attempt + 1, hotter=True)
    exhausted = (PageReason.ATTEMPTS_EXHAUSTED.value,) if failure.retryable else ()
    return give_up((*exhausted, failure.code), rules)


def give_up(reasons: tuple[str, ...], rules: RetryRules) -> ToReview | Fail:
    """No more tries: to a person where review is on, else failed."""
    return ToReview(reasons) if rules.review else Fail(reasons)


def final_state(decision: ToReview | Fail) -> PageState:
    """The state of a page after a decision that ends its tries."""
    match decision:
        case ToReview():
            return PageState.IN_REVIEW
        case Fail():
            return PageState.FAILED
        case _:
            assert_never(decision)
