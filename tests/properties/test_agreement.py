"""Whatever two readers make of a page: texts stay, places stay, confidences stay probabilities."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from ocr_pipeline.domain.text import Block, Line, PageText, Word
from ocr_pipeline.recognition.agreement.agreement import AgreementRules, agree
from ocr_pipeline.recognition.agreement.alignment import Kind, align
from ocr_pipeline.recognition.agreement.folding import FoldedPage
from ocr_pipeline.recognition.agreement.weighing import DISAGREED, UNCONFIRMED
from tests.properties.strategies import boxes, page_texts

RULES = AgreementRules()
CHECKS = {DISAGREED, UNCONFIRMED, "text_missed"}

texts = st.sampled_from(
    ["정", "mg", "500", "5", "00mg", "500mg", "I10", "110", "아스피린", "아스피린정", "-", "(주)", "a", "b"]
)
words = st.builds(Word, texts, st.floats(0, 1), st.none() | boxes())
lines = st.lists(words, max_size=5).map(lambda found: Line(tuple(found)))
blocks = st.lists(lines, max_size=4).map(lambda found: Block(tuple(found)))
small_pages = st.builds(
    PageText, st.lists(blocks, max_size=2).map(tuple), st.just("test"), st.just(100), st.just(100), ink=st.none()
)
pages = small_pages | page_texts


@given(pages, pages)
def test_texts_and_places_stay_and_confidences_are_probabilities(first: PageText, second: PageText) -> None:
    found = agree(first, second, RULES)

    assert found.page.text == first.text
    assert [block.kind for block in found.page.blocks] == [block.kind for block in first.blocks]
    assert [len(line.words) for line in found.page.lines] == [len(line.words) for line in first.lines]
    assert found.page.notes[: len(first.notes)] == first.notes
    shares = (found.reliability, found.differ, found.unseen, found.missed)
    assert all(0.0 <= share <= 1.0 for share in shares)
    for before, after in zip(first.words, found.page.words, strict=True):
        assert 0.0 <= after.confidence <= 1.0
        assert before.box is None or after.box == before.box
        fresh = CHECKS.intersection(after.doubts).difference(before.doubts)
        assert not fresh or after.confidence <= RULES.words.unverified
        assert not fresh - {"text_missed"} or after.confidence <= before.confidence
    assert PageText.from_bytes(found.page.to_bytes()).text == first.text


@given(small_pages, small_pages)
def test_every_word_of_both_readings_is_accounted_for_once(first: PageText, second: PageText) -> None:
    folded, other = FoldedPage.of(first), FoldedPage.of(second)
    found = align(folded, other)

    matched = {at for match in found.matches for at in match.partners}
    assert len(found.matches) == len(folded.words)
    assert matched.isdisjoint(found.missed)
    assert sorted((*matched, *found.missed)) == list(range(len(other.words)))
    for text, match in zip(folded.texts, found.matches, strict=True):
        assert bool(match.partners) is (match.kind is not Kind.UNSEEN)
        if match.kind is Kind.AGREE:
            assert [other.texts[at] for at in match.partners] == [text]


@given(pages)
def test_a_page_agrees_with_itself_and_loses_no_word(page: PageText) -> None:
    found = agree(page, page, RULES)

    assert (found.differ, found.unseen, found.missed) == (0.0, 0.0, 0.0)
    assert found.page.notes == page.notes
    for before, after in zip(page.words, found.page.words, strict=True):
        assert CHECKS.intersection(after.doubts) <= set(before.doubts)
        assert after.confidence >= before.confidence


@st.composite
def printed_pages(draw: st.DrawFn) -> PageText:
    """Pages whose lines hold a few words that stand nowhere else, as forms and letters do."""
    count = draw(st.integers(1, 12))
    chance = random.Random(draw(st.integers(0, 1000)))
    made = [
        Line(
            tuple(
                Word(text, 0.9) for text in (f"label{at}", "정", f"{chance.randrange(10_000)}.{at}", "mg", f"end{at}")
            )
        )
        for at in range(count)
    ]
    return PageText((Block(tuple(made)),), "test", 1000, 1000)


@given(printed_pages(), st.randoms(use_true_random=False))
def test_the_order_of_the_second_readers_lines_does_not_matter(page: PageText, chance: random.Random) -> None:
    shuffled = list(page.lines)
    chance.shuffle(shuffled)
    found = agree(page, replace(page, blocks=(Block(tuple(shuffled)),)), RULES)

    assert found.page == agree(page, page, RULES).page


@given(printed_pages(), st.data())
def test_a_digit_that_differs_is_never_believed(page: PageText, data: st.DataObject) -> None:
    altered_line = data.draw(st.integers(0, sum(1 for _ in page.lines) - 1))
    line = list(page.lines)[altered_line]
    number = line.words[2].text
    at = data.draw(st.sampled_from([at for at, sign in enumerate(number) if sign.isdecimal()]))
    digit = data.draw(st.sampled_from("0123456789"))
    assume(digit != number[at])
    wrong = f"{number[:at]}{digit}{number[at + 1 :]}"
    assume(all(wrong != word.text for word in page.words))
    fresh = [*page.lines]
    fresh[altered_line] = Line((*line.words[:2], replace(line.words[2], text=wrong), *line.words[3:]))

    found = agree(replace(page, blocks=(Block(tuple(fresh)),)), page, RULES)

    doubted = [word for word in found.page.words if word.doubts]
    assert [word.text for word in doubted] == [wrong]
    assert doubted[0].confidence < 0.4
