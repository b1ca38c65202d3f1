"""Qwen3-VL (Qwen/Qwen3-VL-2B, 4B, 8B, 32B, 30B-A3B and 235B-A22B-Instruct; not the Thinking editions).

Prompt: as for Qwen2.5-VL, from the same cookbooks. Image: patches of 16 pixels, merged two by two, so a token is 32 x
32; 64 to 16,384 tokens in the model's preprocessor_config.json. The Thinking editions think aloud before they answer,
which a transcript cannot use.
"""

from __future__ import annotations

from ocr_pipeline.ports.generation import RepetitionStop, Sampling
from ocr_pipeline.recognition.profiles import instruct
from ocr_pipeline.recognition.profiles.known_picture import known_picture
from ocr_pipeline.recognition.profiles.profile import ImageRules, ModelProfile

_MIN_PIXELS = 256 * 32 * 32
_MAX_PIXELS = 2048 * 2048


def qwen3_vl() -> ModelProfile:
    """The profile of the family."""
    return ModelProfile(
        name="qwen3-vl",
        models=("Qwen/Qwen3-VL-*", "*Qwen3-VL*", "*Qwen3_VL*"),
        system=instruct.SYSTEM,
        prompt=instruct.PROMPT,
        prompt_tokens=512,
        image=ImageRules(factor=32, min_pixels=_MIN_PIXELS, max_pixels=_MAX_PIXELS),
        parse=instruct.parse,
        known_picture=known_picture(),
        # The model card's temperature of 0.7 is for conversation; a transcript has one right answer.
        sampling=Sampling(repetition=RepetitionStop(longest=64, count=32)),
        max_output_tokens=4096,
        languages=("ko", "en", "zh", "ja", "vi", "th", "ar", "fr", "de", "es", "it", "pt", "ru"),
        faults=(
            "It may loop until the token limit (github.com/QwenLM/Qwen3-VL/issues/1611).",
            (
                "The 8B model was seen to drop repeated digits in long numbers, and to read some pages worse than "
                "Qwen2.5-VL-7B (github.com/QwenLM/Qwen3-VL/issues/1822)."
            ),
            (
                "Its generation_config.json sets temperature 0.7 and top_p 0.8, which vLLM applies to every request "
                "that does not say otherwise."
            ),
        ),
        serve_arguments=(
            # The recipe asks for no video where only images come: long videos reserve much memory.
            *("--limit-mm-per-prompt", '{"image": 1, "video": 0}'),
            # Bounds the largest image that vLLM sets memory aside for.
            *("--mm-processor-kwargs", f'{{"min_pixels": {_MIN_PIXELS}, "max_pixels": {_MAX_PIXELS}}}'),
            # The recipe asks for this where every image is a new one.
            *("--mm-processor-cache-gb", "0"),
            # Four pages of 4,000 tokens can be taken in at one step.
            *("--max-num-batched-tokens", "16384"),
            # Leave the model's own sampling defaults alone. The native context of 262,144 tokens is bounded by
            # `max_model_len`, which is a setting of ours.
            *("--generation-config", "vllm"),
        ),
    )
