"""olmOCR 2 (allenai/olmOCR-2-7B-1025 and -FP8): Qwen2.5-VL-7B tuned on whole pages.

Prompt: `build_no_anchoring_v4_yaml_prompt` of allenai/olmocr (olmocr/prompts/prompts.py), word for word, before the
picture and without a system message, as olmocr/pipeline.py sends it. Image: the longer side is 1,288 pixels (the model
card), cut as by Qwen2.5-VL. Answer: YAML front matter, then Markdown with HTML tables and LaTeX. Sampling: temperature
0.1 at first, hotter later (`TEMPERATURE_BY_ATTEMPT` there), at most 8,000 tokens.
"""

from __future__ import annotations

from typing import Final

from ocr_pipeline.ports.generation import RepetitionStop, Sampling
from ocr_pipeline.recognition.profiles import front_matter, markdown, plain
from ocr_pipeline.recognition.profiles.known_picture import known_picture
from ocr_pipeline.recognition.profiles.profile import ImageRules, ModelProfile, ParsedBlock

PROMPT: Final = (
    "Attached is one page of a document that you must process. "
    "Just return the plain text representation of this document as if you were reading it naturally. "
    "Convert equations to LateX and tables to HTML.\n"
    "If there are any figures or charts, label them with the following markdown syntax "
    "![Alt text describing the contents of the figure](page_startx_starty_width_height.png)\n"
    "Return your output as markdown, with a front matter section on top specifying values for the primary_language, "
    "is_rotation_valid, rotation_correction, is_table, and is_diagram parameters."
)

_LONGEST = 1288
_MIN_PIXELS = 4 * 28 * 28


def olmocr2() -> ModelProfile:
    """The profile of the model."""
    return ModelProfile(
        name="olmocr-2",
        models=("allenai/olmOCR-2-7B-1025*", "*olmOCR-2*", "olmocr"),
        prompt=PROMPT,
        prompt_tokens=192,
        image_first=False,
        image=ImageRules(factor=28, min_pixels=_MIN_PIXELS, max_pixels=_LONGEST * _LONGEST, longest=_LONGEST),
        parse=parse,
        known_picture=known_picture(),
        # Greedy decoding makes it loop more often; the seed keeps a first reading repeatable all the same.
        sampling=Sampling(temperature=0.1, seed=1, repetition=RepetitionStop(longest=64, count=32)),
        max_output_tokens=8000,
        languages=("en",),
        faults=(
            (
                "It is trained to leave out headers and footers, where patient and page are named on charts "
                "(github.com/allenai/olmocr/issues/268, /issues/182)."
            ),
            "It was tuned on English pages; other languages may work (the model card).",
            "It may invent figures in dense tables (github.com/allenai/olmocr/issues/41).",
            "It writes paragraphs, not printed lines, and describes figures in its own words; the parser drops those.",
            "It says so when a page is turned and reads it all the same; the front matter's `turn` tells.",
        ),
        serve_arguments=(
            # Pages only; olmocr's own launcher turns video off for the same reason: memory for the cache.
            *("--limit-mm-per-prompt", '{"image": 1, "video": 0}'),
            # The largest image is 46 x 46 tokens, not the 16,384 that vLLM would set memory aside for.
            *("--mm-processor-kwargs", f'{{"min_pixels": {_MIN_PIXELS}, "max_pixels": {_LONGEST * _LONGEST}}}'),
            # No page comes twice.
            *("--mm-processor-cache-gb", "0"),
            # Eight pages at one step.
            *("--max-num-batched-tokens", "16384"),
            # Sampling is ours to say.
            *("--generation-config", "vllm"),
        ),
    )


def parse(answer: str) -> tuple[ParsedBlock, ...]:
    """Blocks of an answer below its front matter."""
    _, text = front_matter.split(markdown.unfenced(plain.cleaned(answer)))
    return markdown.parse(text)
