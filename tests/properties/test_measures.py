"""Distances and edit scripts hold for any text, and agree with an independent implementation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from ocr_pipeline.domain.measures import (
    Edit,
    character_error_rate,
    edit_distance,
    edit_script,
    errors_by_cause,
    normalise,
    word_precision,
    word_recall,
)

few_letters = st.text(alphabet="ab1 |가", max_size=90)
texts = few_letters | st.text(max_size=40)


@given(texts, texts)
def test_the_distance_agrees_with_rapidfuzz(one: str, other: str) -> None:
    assert edit_distance(one, other) == Levenshtein.distance(one, other)


@given(texts, texts, texts)
def test_the_distance_is_a_metric(one: str, two: str, three: str) -> None:
    assert (edit_distance(one, two) == 0) == (one == two)
    assert edit_distance(one, two) == edit_distance(two, one)
    assert edit_distance(one, three) <= edit_distance(one, two) + edit_distance(two, three)


@given(texts, texts)
def test_the_edit_script_is_shortest_and_leads_from_truth_to_reading(truth: str, read: str) -> None:
    script = edit_script(truth, read)

    assert len(script) == edit_distance(truth, read)
    assert _apply(script, truth) == read


@given(texts, texts)
def test_every_edit_has_one_cause(truth: str, read: str) -> None:
    assert errors_by_cause(truth, read).total() == edit_distance(normalise(truth), normalise(read))


@given(texts)
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(texts, texts)
def test_rates_keep_their_bounds(truth: str, read: str) -> None:
    assert character_error_rate(truth, read) >= 0.0
    assert 0.0 <= word_recall(truth, read) <= 1.0
    assert word_recall(truth, read) == word_precision(read, truth)


def _apply(script: tuple[Edit, ...], truth: str) -> str:
    built: list[str] = []
    at = 0
    for edit in script:
        built.append(truth[at : edit.at])
        assert truth[edit.at : edit.at + len(edit.truth)] == edit.truth
        built.append(edit.read)
        at = edit.at + len(edit.truth)
    return "".join(built) + truth[at:]
