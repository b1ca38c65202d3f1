"""Guards on a stream: it does not matter how a text is cut into tokens, and no text makes them fail."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.generation import FinishReason
from ocr_pipeline.ports.survey import Survey
from ocr_pipeline.recognition.streaming.expected import ExpectedText
from ocr_pipeline.recognition.streaming.guards import StreamGuards, StreamRules

PIECES = st.text(max_size=12) | st.sampled_from(("<td>", "</td>", "|", "---", "\n\n", "5 mg ", "정 ", "1. ", "&nbsp;"))
TEXTS = st.lists(PIECES, max_size=40).flatmap(
    lambda pieces: st.integers(1, 30).map(lambda times: "".join(pieces) + "".join(pieces[-3:]) * times)
)
SURVEYS = st.none() | st.builds(Survey, st.floats(0, 1), st.integers(0, 5_000), st.none() | st.integers(0, 5_000))


def cut_after(text: str, pieces: list[str], survey: Survey | None) -> tuple[int | None, int, tuple[PageReason, ...]]:
    """Characters fed until the cut (None without one), characters kept, and what is said at the end."""
    guards = StreamGuards(StreamRules(), None if survey is None else ExpectedText.of(survey))
    fed = 0
    for piece in pieces:
        fed += len(piece)
        if guards.feed(piece) is not None:
            return fed, guards.kept_text_end, guards.finish(None)
    assert fed == len(text)
    return None, guards.kept_text_end, guards.finish(FinishReason.STOP)


@given(TEXTS, SURVEYS, st.integers(1, 7))
def test_tokens_of_any_size_give_the_same_verdict(text: str, survey: Survey | None, size: int) -> None:
    tokens = [text[at : at + size] for at in range(0, len(text), size)]
    one_by_one, _, said = cut_after(text, list(text), survey)
    in_tokens, kept, said_too = cut_after(text, tokens, survey)

    assert (one_by_one is None) == (in_tokens is None)
    if one_by_one is not None and in_tokens is not None:
        assert one_by_one <= in_tokens < one_by_one + size
    else:
        assert said == said_too
    assert 0 <= kept <= len(text)
