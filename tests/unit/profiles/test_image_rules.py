"""Sizes and token counts, checked against what the Hugging Face and vLLM processors of the models say."""

from __future__ import annotations

import pytest

from ocr_pipeline.recognition.profiles.deepseek_ocr import TiledImage, deepseek_ocr
from ocr_pipeline.recognition.profiles.olmocr2 import olmocr2
from ocr_pipeline.recognition.profiles.profile import ImageRules

QWEN2_5 = ImageRules(factor=28, min_pixels=56 * 56, max_pixels=2048 * 2048, overhead=0)
QWEN3 = ImageRules(factor=32, min_pixels=256 * 256, max_pixels=2048 * 2048, overhead=0)


@pytest.mark.parametrize(
    ("rules", "size", "seen", "tokens"),
    [
        (QWEN2_5, (1036, 1456), (1036, 1456), 37 * 52),
        (QWEN2_5, (1654, 2339), (1652, 2352), 4956),
        (QWEN2_5, (640, 160), (644, 168), 138),
        (QWEN2_5, (2480, 3508), (1708, 2408), 5246),
        (QWEN2_5, (800, 600), (812, 588), 609),
        (QWEN2_5, (100, 60), (112, 56), 8),
        (QWEN2_5, (20, 10), (84, 56), 6),
        (QWEN2_5, (300, 3000), (308, 2996), 1177),
        (QWEN3, (1036, 1456), (1024, 1472), 1472),
        (QWEN3, (1654, 2339), (1664, 2336), 3796),
        (QWEN3, (640, 160), (640, 160), 100),
        (QWEN3, (2480, 3508), (1696, 2432), 4028),
        (QWEN3, (100, 60), (352, 224), 77),
        (QWEN3, (20, 10), (384, 192), 72),
    ],
)
def test_an_image_is_cut_as_the_models_processor_cuts_it(
    rules: ImageRules, size: tuple[int, int], seen: tuple[int, int], tokens: int
) -> None:
    assert rules.scaled(*size) == seen
    assert rules.tokens(*size) == tokens


def test_a_request_may_ask_for_fewer_pixels_but_not_for_more() -> None:
    assert QWEN2_5.tokens(1654, 2339, 1_000_000) < 1_000_000 / 28**2
    assert QWEN2_5.tokens(2480, 3508, 10**9) == QWEN2_5.tokens(2480, 3508)


def test_an_image_may_not_be_more_than_200_times_as_long_as_wide() -> None:
    assert QWEN2_5.tokens(10, 2000) > 0
    with pytest.raises(ValueError, match="200"):
        QWEN2_5.tokens(10, 2001)


def test_rows_and_the_image_itself_cost_extra_tokens() -> None:
    rules = ImageRules(factor=28, min_pixels=1, max_pixels=10**7, overhead=2, per_row=1)
    assert rules.tokens(280, 560) == 10 * 20 + 20 + 2


def test_the_longer_side_is_bounded_where_the_model_was_trained_so() -> None:
    image = olmocr2().image
    assert image.limit(1654, 2339) == 924 * 1288
    assert max(image.scaled(1654, 2339)) == 1288
    assert max(image.scaled(4000, 300)) <= 1288
    assert image.limit(911, 1288) == image.max_pixels
    assert image.scaled(911, 1288) == (924, 1288)


def test_a_long_side_is_bounded_further_by_the_request() -> None:
    image = olmocr2().image
    assert image.limit(1654, 2339, 500_000) == 500_000
    assert image.limit(1654, 2339, 10) == image.min_pixels


@pytest.mark.parametrize(
    ("size", "tiles", "tokens"),
    [
        ((640, 160), (1, 1), 273),
        ((640, 640), (1, 1), 273),
        ((641, 640), (2, 2), 693),
        ((1280, 1280), (2, 2), 693),
        ((1654, 2339), (2, 3), 903),
        ((2480, 3508), (2, 3), 903),
        ((2339, 1654), (3, 2), 893),
        ((300, 3000), (1, 6), 933),
    ],
)
def test_deepseek_cuts_large_images_into_tiles(size: tuple[int, int], tiles: tuple[int, int], tokens: int) -> None:
    image = deepseek_ocr().image
    assert isinstance(image, TiledImage)
    assert image.tiles(*size) == tiles
    assert image.tokens(*size) == image.tokens(*size, max_pixels=1000) == tokens


def test_deepseek_sees_whole_tiles() -> None:
    image = deepseek_ocr().image
    assert image.scaled(1654, 2339) == (1280, 1920)
    assert image.scaled(100, 100) == (1024, 1024)
    assert not image.adjustable
