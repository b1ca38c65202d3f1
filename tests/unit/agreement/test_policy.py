"""Which pages are read twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.recognition.agreement.policy import CrossCheckPolicy, When
from tests.unit.agreement.readings import first_reading

SURE = first_reading("nothing to be doubtful about on this page", 0.95, ink=0.05)


def image(number: int) -> PageImage:
    return PageImage(f"picture {number}".encode(), "image/png", 10, 10)


@pytest.mark.parametrize(("when", "chosen"), [(When.ALWAYS, True), (When.DOUBTFUL, False), (When.NEVER, False)])
def test_without_sampling_every_page_or_none_is_chosen(when: When, *, chosen: bool) -> None:
    assert CrossCheckPolicy(when).chooses(image(1)) is chosen


def test_sampling_chooses_its_share_and_the_same_pages_every_time() -> None:
    policy = CrossCheckPolicy(When.SAMPLED, share=0.25, key=b"key")
    chosen = [policy.chooses(image(at)) for at in range(2000)]

    assert 0.2 < sum(chosen) / len(chosen) < 0.3
    assert chosen == [CrossCheckPolicy(When.SAMPLED, share=0.25, key=b"key").chooses(image(at)) for at in range(2000)]
    assert chosen != [replace(policy, key=b"other").chooses(image(at)) for at in range(2000)]
    assert all(replace(policy, share=1.0).chooses(image(at)) for at in range(100))


@pytest.mark.parametrize(
    "wrong",
    [
        {"when": When.SAMPLED},
        {"when": When.SAMPLED, "key": b"k", "share": 0.0},
        {"when": When.SAMPLED, "key": b"k", "share": 1.1},
        {"key": b"k" * 65},
        {"unchecked": 1.5},
        {"doubtful_below": -0.1},
    ],
)
def test_policies_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"key|caps"):
        CrossCheckPolicy(**wrong)


@pytest.mark.parametrize(
    ("page", "doubtful"),
    [
        (SURE, False),
        (replace(SURE, notes=("truncated",)), True),
        (replace(SURE, notes=("a remark",)), False),
        (first_reading("nothing to be doubtful about", 0.7), True),
        (first_reading("질병분류기호 110", 0.95), True),
        (first_reading(""), True),
    ],
    ids=["sure", "noted", "remarked on", "unsure", "impossible code", "empty"],
)
def test_the_first_engines_own_doubts_call_for_a_check(page: PageText, *, doubtful: bool) -> None:
    assert CrossCheckPolicy(When.DOUBTFUL).doubts(page) is doubtful
    assert not CrossCheckPolicy(When.NEVER).doubts(page)
    assert not CrossCheckPolicy(When.ALWAYS).doubts(page)


def test_a_page_left_unchecked_is_noted_and_where_all_are_checked_worth_less() -> None:
    always = CrossCheckPolicy(When.ALWAYS, unchecked=0.7).unchecked_page(SURE)
    doubtful = CrossCheckPolicy(When.DOUBTFUL, unchecked=0.7).unchecked_page(SURE)

    assert always.notes == doubtful.notes == ("not_cross_checked",)
    assert {word.confidence for word in always.words} == {0.7}
    assert {word.confidence for word in doubtful.words} == {0.95}
    assert CrossCheckPolicy(When.ALWAYS).unchecked_page(always).notes == ("not_cross_checked",)
