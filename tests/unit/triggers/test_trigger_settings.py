"""Settings of triggers that contradict each other are told at the start."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ocr_pipeline.bootstrap.triggers import keep_every
from ocr_pipeline.settings.triggers import TriggerSettings


def made(output: dict[str, str], prefix: str) -> TriggerSettings:
    rule = {"bucket": "scans", "client": "a", "prefix": prefix}
    return TriggerSettings.model_validate({"rules": [rule], "output": output})


@pytest.mark.parametrize(
    ("output", "prefix"),
    [
        ({}, "ocr-results/in/"),
        ({"prefix": "results/"}, "results/"),
        ({"bucket": "scans", "prefix": ""}, "in/"),
        ({"bucket": "scans", "prefix": "in/"}, "in/ward/"),
    ],
)
def test_a_rule_below_the_place_of_results_would_take_nothing(output: dict[str, str], prefix: str) -> None:
    with pytest.raises(ValidationError, match="where results go"):
        made(output, prefix)


@pytest.mark.parametrize(
    ("output", "prefix"),
    [
        ({}, ""),
        ({"prefix": "in/done/"}, "in/"),
        ({"bucket": "results", "prefix": ""}, ""),
        ({"bucket": "results", "prefix": "in/"}, "in/"),
    ],
)
def test_results_may_go_below_what_is_taken_or_elsewhere(output: dict[str, str], prefix: str) -> None:
    assert made(output, prefix).rules


@pytest.mark.parametrize(("hidden", "every"), [((), 15), ((60,), 15), ((60, 12), 4), ((10, 3600), 10 / 3)])
def test_messages_are_kept_before_their_queue_shows_them_to_others(hidden: tuple[int, ...], every: float) -> None:
    sources = [
        {"kind": "sqs", "name": f"q{number}", "queue_url": "http://q", "visibility_seconds": seconds}
        for number, seconds in enumerate(hidden)
    ]
    assert keep_every(TriggerSettings.model_validate({"sources": sources})) == every
