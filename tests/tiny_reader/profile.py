"""The tiny reader's profile: `vllm.profile = tests.tiny_reader.profile:profile`."""

from __future__ import annotations

from random import Random

from ocr_pipeline.recognition.profiles.profile import ImageRules, KnownPicture, ModelProfile, ParsedBlock
from tests.tiny_reader.pages import CELL, TALLEST, WIDTH, draw

PROMPT = "ocr:"
KNOWN_TEXT = "417206"


def profile() -> ModelProfile:
    """What the server must be asked so that the tiny reader reads."""
    known = draw([KNOWN_TEXT], Random(4172))
    height, width = known.pixels.shape
    return ModelProfile(
        name="tiny-reader",
        models=("tiny-reader",),
        prompt=PROMPT,
        image=ImageRules(factor=CELL, min_pixels=CELL * CELL, max_pixels=WIDTH * TALLEST),
        parse=_lines,
        known_picture=KnownPicture(known.png(), width, height, KNOWN_TEXT),
        prompt_tokens=32,
        max_output_tokens=64,
        smallest_scale=0.9,
        languages=("en", "ko"),
        faults=("reads code pages of its own size alone",),
    )


def _lines(text: str) -> tuple[ParsedBlock, ...]:
    return (ParsedBlock(tuple(text.split("\n"))),) if text.strip() else ()
