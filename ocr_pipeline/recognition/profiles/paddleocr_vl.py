"""PaddleOCR-VL (PaddlePaddle/PaddleOCR-VL, -1.5 and -1.6), 0.9 billion parameters, 109 languages.

Prompt: the task prompts it was trained on, `OCR:` and `Table Recognition:` (PaddlePaddle/PaddleX,
paddlex/inference/pipelines/paddleocr_vl/pipeline.py), after the picture. Image: patches of 14 pixels, merged two by
two, between 147,384 and 2,822,400 pixels (the model's preprocessor_config.json). Answer: plain lines with LaTeX, tables
as OTSL (`<fcel>`, `<ecel>`, `<lcel>`, `<ucel>`, `<nl>`). Sampling: greedy, at most 4,096 tokens, as PaddleX asks.
"""

from __future__ import annotations

from typing import Final

from ocr_pipeline.ports.generation import RepetitionStop, Sampling
from ocr_pipeline.recognition.profiles import markdown
from ocr_pipeline.recognition.profiles.known_picture import known_picture
from ocr_pipeline.recognition.profiles.profile import ImageRules, ModelProfile, ParsedBlock

TEXT_PROMPT: Final = "OCR:"
TABLE_PROMPT: Final = "Table Recognition:"

_NO_HEADINGS = 7


def paddleocr_vl() -> ModelProfile:
    """The profile for pages."""
    return _profile("paddleocr-vl", ("PaddlePaddle/PaddleOCR-VL*", "*PaddleOCR-VL*"), TEXT_PROMPT)


def paddleocr_vl_tables() -> ModelProfile:
    """The profile for pages that are one table; found by its name alone."""
    return _profile("paddleocr-vl-tables", (), TABLE_PROMPT)


def parse(answer: str) -> tuple[ParsedBlock, ...]:
    """Blocks of an answer. The model writes no headings: a hash is printed."""
    return markdown.parse(answer, least_hashes=_NO_HEADINGS)


def _profile(name: str, models: tuple[str, ...], prompt: str) -> ModelProfile:
    return ModelProfile(
        name=name,
        models=models,
        prompt=prompt,
        prompt_tokens=32,
        image=ImageRules(factor=28, min_pixels=147_384, max_pixels=2_822_400),
        parse=parse,
        known_picture=known_picture(),
        sampling=Sampling(repetition=RepetitionStop(longest=64, count=32)),
        max_output_tokens=4096,
        languages=("ko", "en", "zh", "ja", "vi", "th", "ar", "fr", "de", "es", "it", "pt", "ru"),
        faults=(
            (
                "It was made to read one text block, table or formula that PP-DocLayout cut out, not a page; of a page "
                "with several columns or tables it may lose the order (the vLLM recipe for PaddleOCR-VL)."
            ),
            (
                "It may write the same content again and again (github.com/PaddlePaddle/PaddleOCR/issues/16710); "
                "PaddleX cuts such tails off, this pipeline reads the page again."
            ),
            "It follows no instructions: nothing can be asked of it beyond its task prompts.",
        ),
        serve_arguments=(
            # One page a request; it takes no video.
            *("--limit-mm-per-prompt", '{"image": 1}'),
            # The recipe's four: four pages of 3,600 tokens at one step, and no caches, since no page comes twice.
            # Its --trust-remote-code is left out: Transformers 5 knows the model (github.com/vllm-project/vllm/
            # issues/39746), and code from a model repository would run beside patients' pages.
            *("--max-num-batched-tokens", "16384"),
            "--no-enable-prefix-caching",
            *("--mm-processor-cache-gb", "0"),
            # Sampling is ours to say.
            *("--generation-config", "vllm"),
        ),
    )
