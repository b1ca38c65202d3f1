"""What a page may cost in tokens, settled before it is sent: 'too long' is our answer, never the server's surprise.

The context holds prompt, image and answer together. The answer gets room for all that the ink on the page can write;
the image gets what is left, and is scaled down to it as long as the print stays legible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ocr_pipeline.domain.errors import ContextTooLong
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.recognition.profiles.profile import ModelProfile

_TOKENS_PER_GLYPH = 1.5
_LEAST_ANSWER = 128
_SIZES = (1.0, 0.7, 1.3)
_STEP = 0.95
_ROUNDING = 0.9


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the model may see the page (pixels) and how much it may answer (tokens)."""

    max_pixels: int
    image_tokens: int
    max_tokens: int


class TokenBudget:
    """Plans pages for one model whose context is `max_model_len` tokens."""

    def __init__(self, profile: ModelProfile, max_model_len: int) -> None:
        self._profile = profile
        self._context = max_model_len - profile.prompt_tokens

    def plan(self, page: PageImage, attempt: int, glyphs: int | None) -> Plan:
        """The plan for a try, counted from 1: each later one sees the page in another size.

        `glyphs` estimates what stands on the page, None where nobody knows. Raises ContextTooLong when the page would
        have to shrink below legibility, or has a shape the model does not take.
        """
        image = self._profile.image
        legible = math.ceil(page.width * page.height * self._profile.smallest_scale**2)
        wanted = max(legible, round(image.max_pixels * _SIZES[(attempt - 1) % len(_SIZES)]))
        most = max(image.min_pixels, min(wanted, image.max_pixels))
        try:
            return self._fitted(page, most, legible, self._answer(glyphs))
        except ValueError:
            raise ContextTooLong("the page has a shape that the model does not take") from None

    def _fitted(self, page: PageImage, most: int, legible: int, answer: int) -> Plan:
        """The largest image, of at most `most` pixels, that leaves room for the answer."""
        image = self._profile.image
        while True:
            across, down = image.scaled(page.width, page.height, most)
            if across * down < legible * _ROUNDING:
                raise ContextTooLong("the page does not fit into the model's context at a legible size")
            tokens = image.tokens(page.width, page.height, most)
            if tokens + answer <= self._context:
                room = min(self._profile.max_output_tokens, self._context - tokens)
                return Plan(image.limit(page.width, page.height, most), tokens, room)
            if most <= image.min_pixels:
                raise ContextTooLong("the page's text does not fit into the model's context")
            most = max(image.min_pixels, math.floor(min(most, across * down) * _STEP))

    def _answer(self, glyphs: int | None) -> int:
        wanted = self._context // 4 if glyphs is None else math.ceil(glyphs * _TOKENS_PER_GLYPH)
        return min(self._profile.max_output_tokens, max(_LEAST_ANSWER, wanted))
