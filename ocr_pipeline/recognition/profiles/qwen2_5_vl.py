"""Qwen2.5-VL (Qwen/Qwen2.5-VL-3B, 7B, 32B and 72B-Instruct), the default.

Prompt: Qwen's own for OCR is "Please output only the text content from the image without any additional descriptions
or formatting." (QwenLM/Qwen3-VL, cookbooks/ocr.ipynb); `instruct.PROMPT` says the same and what a medical page needs
beside it. Image: patches of 14 pixels, merged two by two, so a token is 28 x 28; 4 to 16,384 tokens in the model's
preprocessor_config.json, one token for each of `<|vision_start|>` and `<|vision_end|>`.
"""

from __future__ import annotations

from ocr_pipeline.ports.generation import RepetitionStop, Sampling
from ocr_pipeline.recognition.profiles import instruct
from ocr_pipeline.recognition.profiles.known_picture import known_picture
from ocr_pipeline.recognition.profiles.profile import ImageRules, ModelProfile

# A page of 2048 x 2048 is what intake lets through; below 256 tokens small print on a cut-out is lost.
_MIN_PIXELS = 256 * 28 * 28
_MAX_PIXELS = 2048 * 2048


def qwen2_5_vl() -> ModelProfile:
    """The profile of the family."""
    return ModelProfile(
        name="qwen2.5-vl",
        models=("Qwen/Qwen2.5-VL-*", "*Qwen2.5-VL*", "*Qwen2_5-VL*"),
        system=instruct.SYSTEM,
        prompt=instruct.PROMPT,
        prompt_tokens=512,
        image=ImageRules(factor=28, min_pixels=_MIN_PIXELS, max_pixels=_MAX_PIXELS),
        parse=instruct.parse,
        known_picture=known_picture(),
        # Greedy, and no penalty: tables repeat themselves rightly. Forms hold rows of dots and empty cells, so only
        # what no form holds is taken for a loop here; the guards on the stream look closer.
        sampling=Sampling(repetition=RepetitionStop(longest=64, count=32)),
        max_output_tokens=4096,
        languages=("ko", "en", "zh", "ja", "vi", "ar", "fr", "de", "es", "it", "pt", "ru"),
        faults=(
            (
                "It may loop until the token limit, on tables and diagrams above all; a repetition penalty stops that "
                "and breaks rightly repeated text (github.com/QwenLM/Qwen3-VL/issues/1611)."
            ),
            (
                "It may write a picture's place or a description in place of the text in it "
                "(github.com/QwenLM/Qwen3-VL/issues/241)."
            ),
            (
                "Its generation_config.json sets a repetition penalty of 1.05, which vLLM applies to every request "
                "that does not say otherwise."
            ),
            "Token probabilities alone do not tell what it made up from what it read.",
        ),
        serve_arguments=(
            # One page a request. Room kept for video would be taken from the cache.
            *("--limit-mm-per-prompt", '{"image": 1, "video": 0}'),
            # vLLM sets memory aside for the largest image there may be: 16,384 tokens without this.
            *("--mm-processor-kwargs", f'{{"min_pixels": {_MIN_PIXELS}, "max_pixels": {_MAX_PIXELS}}}'),
            # No page comes twice: keeping prepared images costs memory and a hash, and keeps patients' pages around.
            *("--mm-processor-cache-gb", "0"),
            # Three pages of 5,000 tokens can be taken in at one step.
            *("--max-num-batched-tokens", "16384"),
            # Leave the model's own sampling defaults alone; the repetition penalty is one of them.
            *("--generation-config", "vllm"),
        ),
    )
