"""What a page may cost: it always fits, or is refused by us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.errors import ContextTooLong
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.recognition.generative.budget import TokenBudget
from ocr_pipeline.recognition.profiles.profile import ImageRules, KnownPicture, ModelProfile, ParsedBlock


def profile(**changes: object) -> ModelProfile:
    values: dict[str, object] = {
        "name": "test",
        "models": (),
        "prompt": "read",
        "image": ImageRules(factor=28, min_pixels=28 * 28 * 4, max_pixels=2048 * 2048),
        "parse": lambda text: (ParsedBlock((text,)),),
        "known_picture": KnownPicture(b"", 1, 1, ""),
    }
    return ModelProfile(**{**values, **changes})  # type: ignore[arg-type]


def page(width: int, height: int) -> PageImage:
    return PageImage(b"", "image/png", width, height)


def test_a4_at_200_dpi_fits_into_8192_tokens_as_it_is() -> None:
    plan = TokenBudget(profile(), 8192).plan(page(1654, 2339), 1, glyphs=1500)
    assert plan.image_tokens == 59 * 84 + 2
    assert plan.max_tokens == 8192 - 256 - plan.image_tokens


def test_a_dense_page_shrinks_the_image_to_leave_room_for_its_text() -> None:
    sparse = TokenBudget(profile(), 6144).plan(page(1654, 2339), 1, glyphs=100)
    dense = TokenBudget(profile(), 6144).plan(page(1654, 2339), 1, glyphs=2000)
    assert dense.image_tokens < sparse.image_tokens
    assert dense.max_tokens >= 3000


def test_a_page_that_would_become_illegible_is_refused() -> None:
    with pytest.raises(ContextTooLong, match="legible"):
        TokenBudget(profile(), 1024).plan(page(2048, 2048), 1, glyphs=100)


def test_a_strip_that_the_model_does_not_take_is_refused() -> None:
    with pytest.raises(ContextTooLong, match="shape"):
        TokenBudget(profile(), 8192).plan(page(10, 4000), 1, glyphs=10)


@pytest.mark.parametrize("sides", [(314, 11), (22, 6), (7, 2), (1, 1)])
def test_a_scrap_that_is_enlarged_in_any_case_is_refused_when_its_text_does_not_fit(sides: tuple[int, int]) -> None:
    with pytest.raises(ContextTooLong, match="text"):
        TokenBudget(profile(), 512).plan(page(*sides), 1, glyphs=9_000)


def test_later_tries_see_another_size() -> None:
    budget = TokenBudget(profile(), 8192)
    sizes = [budget.plan(page(2048, 2048), attempt, glyphs=100).max_pixels for attempt in (1, 2, 3)]
    assert sizes[0] != sizes[1]


@given(
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    attempt=st.integers(1, 9),
    glyphs=st.none() | st.integers(0, 20_000),
    context=st.integers(512, 32_768),
)
def test_a_plan_always_fits(width: int, height: int, attempt: int, glyphs: int | None, context: int) -> None:
    rules = profile()
    try:
        plan = TokenBudget(rules, context).plan(page(width, height), attempt, glyphs)
    except ContextTooLong:
        return
    assert rules.image.tokens(width, height, plan.max_pixels) == plan.image_tokens
    assert rules.prompt_tokens + plan.image_tokens + plan.max_tokens <= context
    assert plan.max_tokens > 0
