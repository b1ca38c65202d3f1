"""The verdict on a page that was read: accepted, blank, or for a person to see."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_pipeline.domain.pages import PageReason, PageState


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """Settings of the verdict: pages below `threshold` go to a person when `review` is on, else they fail."""

    threshold: float = 0.85
    review: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise ValueError("min_confidence_threshold lies in [0, 1]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state a page takes and the reasons for it, most telling first."""

    state: PageState
    reasons: tuple[str, ...] = ()


def judge(confidence: float, *, blank: bool, reasons: tuple[str, ...], rules: VerdictRules) -> Verdict:
    """Decide on a page that was read.

    A page is accepted only when its confidence reaches the threshold; a blank page only when no guard spoke.
    A page that a machine must not accept and nobody reviews has failed: it is never passed off as done.
    """
    if blank and not reasons:
        return Verdict(PageState.BLANK)
    if confidence >= rules.threshold and not blank:
        return Verdict(PageState.ACCEPTED, reasons)
    doubts = reasons or (PageReason.LOW_CONFIDENCE.value,)
    return Verdict(PageState.IN_REVIEW if rules.review else PageState.FAILED, doubts)
