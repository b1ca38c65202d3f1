"""For any page: marking keeps every text, confidence stays a probability and never rises with a doubt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.text import Block, Line, PageText, Word
from ocr_pipeline.recognition.confidence import ConfidenceRules, mark_doubts, page_confidence
from ocr_pipeline.recognition.guards import GuardRules, examine

RULES = ConfidenceRules()
texts = st.sampled_from(["500mg", "5OOmg", "I10", "110", "질병분류기호", "2024-02-30", "the", "전화", "02-000"])
words = st.builds(Word, texts, st.floats(0, 1))
lines = st.lists(words, max_size=6).map(lambda found: Line(tuple(found)))
blocks = st.lists(lines, max_size=6).map(lambda found: Block(tuple(found)))
pages = st.builds(
    PageText,
    st.lists(blocks, max_size=3).map(tuple),
    st.just("test"),
    st.just(100),
    st.just(100),
    ink=st.none() | st.floats(0, 1),
)


@given(pages)
def test_marking_keeps_texts_and_raises_nothing(page: PageText) -> None:
    marked = mark_doubts(page, RULES)

    assert marked.text == page.text
    for before, after in zip(page.words, marked.words, strict=True):
        assert after.confidence <= before.confidence
        assert bool(after.doubts) <= (after.confidence <= RULES.doubtful)


@given(pages)
def test_the_value_is_a_probability_no_higher_than_the_best_word(page: PageText) -> None:
    guards = examine(page, GuardRules())
    found = page_confidence(mark_doubts(page, RULES), guards, RULES)

    assert 0.0 <= found.value <= max((word.confidence for word in page.words), default=0.0) + 1e-9
    assert found.reasons[: len(guards)] == guards
    assert not guards or found.value <= RULES.guarded
