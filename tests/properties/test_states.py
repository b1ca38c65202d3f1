"""Walks over the state tables: no dead end that hides work, no way back out of a final state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain import documents, pages
from ocr_pipeline.domain.documents import DocumentState, state_from_pages
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import DocumentId, PageRef, uuid7
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.retries import Fail, Failure, Retry, RetryRules, ToReview, decide
from ocr_pipeline.domain.verdicts import VerdictRules, judge
from tests.properties.strategies import attempts, codes, failures, probabilities

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = Page(PageRef(DocumentId(UUID(int=1)), 1), PageState.QUEUED, WHEN)


@pytest.mark.parametrize(("table", "states"), [(documents.TRANSITIONS, DocumentState), (pages.TRANSITIONS, PageState)])
def test_every_state_has_a_row_and_can_be_reached(table: Any, states: Any) -> None:
    assert set(table) == set(states)
    start = next(iter(states))
    reached, frontier = {start}, [start]
    while frontier:
        for target in table[frontier.pop()] - reached:
            reached.add(target)
            frontier.append(target)
    assert reached == set(states)


@given(st.lists(st.sampled_from(PageState), min_size=1, max_size=12))
def test_any_walk_of_a_page_ends_in_a_final_state_or_raises(walk: list[PageState]) -> None:
    page = PAGE
    for target in walk:
        if target in pages.TRANSITIONS[page.state]:
            page.check_transition(target)
            page = Page(page.ref, target, WHEN)
        else:
            with pytest.raises(Conflict):
                page.check_transition(target)


@given(st.lists(st.sampled_from(PageState), min_size=1, max_size=20))
def test_a_document_is_completed_only_when_every_page_is_done(states: list[PageState]) -> None:
    done = {PageState.ACCEPTED, PageState.BLANK, PageState.CORRECTED, PageState.CONFIRMED, PageState.UNREADABLE}
    assert (state_from_pages(states) is DocumentState.COMPLETED) == (set(states) <= done)


@given(st.lists(st.sampled_from(PageState), min_size=1, max_size=8), st.data())
def test_settling_one_page_moves_a_document_along_the_table(states: list[PageState], data: st.DataObject) -> None:
    before = state_from_pages(states)
    movable = [place for place, state in enumerate(states) if pages.TRANSITIONS[state]]
    if not movable:
        return
    place = data.draw(st.sampled_from(movable))
    states[place] = data.draw(st.sampled_from(sorted(pages.TRANSITIONS[states[place]])))
    after = state_from_pages(states)
    assert after is before or after in documents.TRANSITIONS[before]


def test_a_document_without_pages_is_nothing() -> None:
    with pytest.raises(ValueError, match="at least one page"):
        state_from_pages([])


@given(failures, st.integers(1, 5))
def test_tries_end_and_outages_cost_none(failure: Failure, most: int) -> None:
    rules = RetryRules(max_attempts=most)
    attempt = 1
    for _step in range(most + 1):
        decision = decide(failure, attempt, rules)
        if not isinstance(decision, Retry):
            break
        assert decision.delay.total_seconds() <= rules.longest_delay
        assert decision.attempt == attempt + failure.counts_attempt
        attempt = decision.attempt
    if failure.counts_attempt:
        assert isinstance(decision, ToReview)
        assert attempt <= most
    else:
        assert attempt == 1


@given(failures.filter(lambda failure: failure.counts_attempt), attempts)
def test_without_review_a_page_that_cannot_be_read_fails(failure: Failure, attempt: int) -> None:
    decision = decide(failure, attempt, RetryRules(max_attempts=1, review=False))
    assert isinstance(decision, Fail)


@given(probabilities, st.booleans(), st.lists(codes, max_size=3).map(tuple), probabilities, st.booleans())
def test_nothing_below_the_threshold_is_accepted(
    confidence: float, blank: bool, reasons: tuple[str, ...], threshold: float, review: bool
) -> None:
    verdict = judge(confidence, blank=blank, reasons=reasons, rules=VerdictRules(threshold, review))
    if verdict.state is PageState.ACCEPTED:
        assert confidence >= threshold
        assert not blank
    if verdict.state is PageState.BLANK:
        assert blank
        assert not reasons
    assert verdict.state in pages.TRANSITIONS[PageState.QUEUED]
    assert review or verdict.state is not PageState.IN_REVIEW


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_ids_are_version_7_and_order_by_time(milliseconds: int, random_bits: int) -> None:
    made = uuid7(milliseconds, random_bits)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == milliseconds
