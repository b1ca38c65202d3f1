"""Any other vision-language model that follows instructions.

Prompt, sampling and parser as for Qwen. How such a model cuts images nobody knows here: tokens are counted as by
Qwen2.5-VL, whose tokens are among the smallest, so the context is planned too full rather than too empty; the server
scales images as it likes, and requests ask for nothing that only some processors take.
"""

from __future__ import annotations

from ocr_pipeline.ports.generation import RepetitionStop, Sampling
from ocr_pipeline.recognition.profiles import instruct
from ocr_pipeline.recognition.profiles.known_picture import known_picture
from ocr_pipeline.recognition.profiles.profile import ImageRules, ModelProfile


def generic() -> ModelProfile:
    """The profile of last resort."""
    return ModelProfile(
        name="generic",
        models=("*",),
        system=instruct.SYSTEM,
        prompt=instruct.PROMPT,
        prompt_tokens=768,
        image=ImageRules(factor=28, min_pixels=4 * 28 * 28, max_pixels=2048 * 2048, adjustable=False),
        parse=instruct.parse,
        known_picture=known_picture(),
        sampling=Sampling(repetition=RepetitionStop(longest=64, count=32)),
        languages=("ko", "en"),
        faults=("Nothing is known of the model: measure it on labelled pages before its results count.",),
        serve_arguments=(
            # One page a request.
            *("--limit-mm-per-prompt", '{"image": 1}'),
            # No page comes twice.
            *("--mm-processor-cache-gb", "0"),
            # Sampling is ours to say.
            *("--generation-config", "vllm"),
        ),
    )
