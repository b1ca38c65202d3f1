"""Pages: the states a page goes through and the record kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import PageRef


class PageState(StrEnum):
    """Where a page stands."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    BLANK = "blank"
    IN_REVIEW = "in_review"
    CORRECTED = "corrected"
    CONFIRMED = "confirmed"
    UNREADABLE = "unreadable"
    FAILED = "failed"


TRANSITIONS: dict[PageState, frozenset[PageState]] = {
    PageState.QUEUED: frozenset({PageState.ACCEPTED, PageState.BLANK, PageState.IN_REVIEW, PageState.FAILED}),
    PageState.IN_REVIEW: frozenset({PageState.CORRECTED, PageState.CONFIRMED, PageState.UNREADABLE}),
    PageState.ACCEPTED: frozenset(),
    PageState.BLANK: frozenset(),
    PageState.CORRECTED: frozenset(),
    PageState.CONFIRMED: frozenset(),
    PageState.UNREADABLE: frozenset(),
    PageState.FAILED: frozenset(),
}

OPEN_STATES = frozenset({PageState.QUEUED})
"""States in which a machine still has work on the page."""

TRUSTED_STATES = frozenset({PageState.ACCEPTED, PageState.BLANK})
"""States in which what a machine read stands, without a person."""


class PageReason(StrEnum):
    """Why a page went to a person, failed, or was doubted."""

    LOW_CONFIDENCE = "low_confidence"
    DOUBTFUL_FIELD = "doubtful_field"
    EMPTY_ON_INKED = "empty_on_inked"
    TEXT_ON_BLANK = "text_on_blank"
    REPETITION = "repetition_loop"
    SCRIPT_MISMATCH = "script_mismatch"
    IMPOSSIBLE_LENGTH = "impossible_length"
    TRUNCATED = "truncated"
    PROMPT_ECHO = "prompt_echo"
    REFUSAL = "refusal"
    OBEYED_PAGE = "obeyed_page"
    INSTRUCTIONS_ON_PAGE = "instructions_on_page"
    READERS_DISAGREE = "readers_disagree"
    TEXT_MISSED = "text_missed"
    NOT_CROSS_CHECKED = "not_cross_checked"
    UNSCORED = "unscored"
    NOT_RENDERED = "not_rendered"
    BLANK_RENDER = "blank_render"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    KILLS_WORKER = "kills_worker"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document.

    `attempt` counts real tries on a healthy engine; `dispatch` counts every message sent for the page, so that reports
    about an old message can be told from the current one; `suspicions` counts redeliveries. `text` and `text_layer`
    are sealed. `width` and `height` are pixels of the stored image, 0 where there is none. `fingerprint` is the image's
    own, keyed to the client, where pages are remembered by it; a `known` page has its text from one read before.
    """

    ref: PageRef
    state: PageState
    updated_at: datetime
    media_type: str = ""
    width: int = 0
    height: int = 0
    dpi: float | None = None
    attempt: int = 1
    dispatch: int = 0
    suspicions: int = 0
    quarantined: bool = False
    dispatched_at: datetime | None = None
    not_before: datetime | None = None
    reasons: tuple[str, ...] = field(default=())
    confidence: float | None = None
    engine: str | None = None
    seconds: float | None = None
    text: bytes | None = None
    text_layer: bytes | None = None
    fingerprint: bytes | None = None
    known: bool = False

    def check_transition(self, target: PageState) -> None:
        """Raise Conflict when the table has no such step."""
        if target not in TRANSITIONS[self.state]:
            raise Conflict(f"a page that is {self.state.value} cannot become {target.value}")
