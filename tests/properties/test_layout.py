"""Reading order loses nothing, invents nothing and does not depend on the order in which lines were found."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_pipeline.adapters.engines.cpu.layout import arrange
from ocr_pipeline.domain.text import Box, Line, Word

SIDE = 400.0
numbers = st.floats(0, SIDE) | st.sampled_from([0.0, 20.0, 40.0, 200.0, SIDE])
texts = st.text(alphabet="ab가1", min_size=1, max_size=9)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, right = sorted((draw(numbers), draw(numbers)))
    top, bottom = sorted((draw(numbers), draw(numbers)))
    return Box(left, top, right, bottom)


@st.composite
def text_boxes(draw: st.DrawFn) -> Box:
    left, top = draw(numbers), draw(numbers)
    return Box(left, top, left + draw(st.floats(0, 150)), top + draw(st.floats(0, 25)))


words = st.builds(Word, texts, st.just(0.5), st.none() | boxes() | text_boxes())
pages = st.lists(st.lists(words, max_size=4).map(lambda found: Line(tuple(found))), max_size=25)
rules = st.lists(boxes(), max_size=8)


@settings(deadline=None)
@given(pages, rules, rules)
def test_every_word_comes_out_once(lines: list[Line], down: list[Box], across: list[Box]) -> None:
    blocks = arrange(lines, SIDE, SIDE, down, across)

    before = sorted((word for line in lines for word in line.words), key=repr)
    after = sorted((word for block in blocks for line in block.lines for word in line.words), key=repr)
    assert before == after
    assert all(line.words for block in blocks for line in block.lines)


@settings(deadline=None)
@given(pages, rules, rules, st.randoms(use_true_random=False))
def test_the_order_in_which_lines_were_found_does_not_matter(
    lines: list[Line], down: list[Box], across: list[Box], chance: st.DataObject
) -> None:
    shuffled = list(lines)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert arrange(shuffled, SIDE, SIDE, down, across) == arrange(lines, SIDE, SIDE, down, across)
