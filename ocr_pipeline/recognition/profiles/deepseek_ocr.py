"""DeepSeek-OCR (deepseek-ai/DeepSeek-OCR), 3 billion parameters, 570 million of them active.

Prompt: "<|grounding|>Convert the document to markdown.", which the README gives for documents ("Free OCR." leaves the
layout out); vLLM's chat template writes the `<image>` and the line end before it. Image: the Gundam mode, the only one
that vLLM offers: one view of 1024 x 1024, and for anything larger than 640 x 640 two to six tiles of 640 x 640. Answer:
`<|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2]]<|/det|>` before each block, then Markdown, HTML tables and LaTeX.
Sampling: greedy, with the n-gram rule and its figures from the vLLM recipe and the README.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ocr_pipeline.ports.generation import RepetitionStop, Sampling
from ocr_pipeline.recognition.profiles import grounding, markdown
from ocr_pipeline.recognition.profiles.known_picture import known_picture
from ocr_pipeline.recognition.profiles.profile import ImageRules, ModelProfile, ParsedBlock

PROMPT: Final = "<|grounding|>Convert the document to markdown."

_VIEW, _TILE, _TOKEN = 1024, 640, 64
_FEWEST_TILES, _MOST_TILES = 2, 6
_CELL_TOKENS: Final = (128821, 128822)
"""`<td>` and `</td>`: the only tokens that may come back as often as they like."""


@dataclass(frozen=True, slots=True)
class TiledImage(ImageRules):
    """One view of the whole image, and tiles of it where it is large; each row of tokens ends in one more.

    The server decides on the tiles; no request can ask for fewer pixels.
    """

    def scaled(self, width: int, height: int, max_pixels: int | None = None) -> tuple[int, int]:  # noqa: ARG002
        """Sides in pixels of all tiles together, or of the one view of a small image."""
        across, down = self.tiles(width, height)
        return (_VIEW, _VIEW) if across * down == 1 else (across * _TILE, down * _TILE)

    def tokens(self, width: int, height: int, max_pixels: int | None = None) -> int:  # noqa: ARG002
        """Tokens of the view, of the tiles, and one between them."""
        side = _VIEW // _TOKEN
        view = side * (side + self.per_row)
        across, down = self.tiles(width, height)
        if across * down == 1:
            return view + self.overhead
        side = _TILE // _TOKEN
        return view + down * side * (across * side + self.per_row) + self.overhead

    def tiles(self, width: int, height: int) -> tuple[int, int]:
        """Tiles across and down: the shape nearest to the image's own (`count_tiles` of vLLM's processor)."""
        if max(width, height) <= _TILE:
            return 1, 1
        shapes = [
            (across, down)
            for across in range(1, _MOST_TILES + 1)
            for down in range(1, _MOST_TILES + 1)
            if _FEWEST_TILES <= across * down <= _MOST_TILES
        ]
        return min(shapes, key=lambda shape: (abs(width / height - shape[0] / shape[1]), shape[0] * shape[1]))


def deepseek_ocr() -> ModelProfile:
    """The profile of the model."""
    return ModelProfile(
        name="deepseek-ocr",
        models=("deepseek-ai/DeepSeek-OCR", "*DeepSeek-OCR"),
        prompt=PROMPT,
        prompt_tokens=32,
        image=TiledImage(
            factor=_TOKEN,
            min_pixels=_VIEW * _VIEW,
            max_pixels=_MOST_TILES * _TILE * _TILE,
            overhead=1,
            per_row=1,
            adjustable=False,
        ),
        parse=parse,
        known_picture=known_picture(),
        sampling=Sampling(
            repetition=RepetitionStop(longest=64, count=32),
            extra={
                # Its tags and the cells of its tables are special tokens, and would be lost.
                "skip_special_tokens": False,
                # Arguments of the logits processor below: no 30 tokens twice within 90.
                "vllm_xargs": {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": list(_CELL_TOKENS)},
            },
        ),
        max_output_tokens=7168,
        languages=("zh", "en"),
        faults=(
            (
                "About one page in eleven of old newspapers ended in loops or doubled text, n-gram rule or not "
                "(github.com/deepseek-ai/DeepSeek-OCR/issues/151); slight slant or blur sets it off (/issues/82)."
            ),
            "It runs printed lines and list items together (github.com/deepseek-ai/DeepSeek-OCR/issues/200).",
            "Chinese and English are what it was measured on; of its hundred languages Korean was not.",
            "Its n-gram rule can forbid what a form rightly repeats.",
        ),
        serve_arguments=(
            # One page a request; it takes no video.
            *("--limit-mm-per-prompt", '{"image": 1}'),
            # The recipe: without this processor it loops; see `vllm_xargs` above.
            *("--logits-processors", "vllm.model_executor.models.deepseek_ocr:NGramPerReqLogitsProcessor"),
            # The recipe: no page comes twice, so hashing and keeping them is waste.
            "--no-enable-prefix-caching",
            *("--mm-processor-cache-gb", "0"),
            # Eight pages of 900 tokens at one step. No --trust-remote-code: vLLM has its own code for the model.
            *("--max-num-batched-tokens", "8192"),
            # Sampling is ours to say.
            *("--generation-config", "vllm"),
        ),
        # The processor is written for vLLM's first model runner; the second, now the default, refuses to start with it.
        serve_environment=(("VLLM_USE_V2_MODEL_RUNNER", "0"),),
    )


def parse(answer: str) -> tuple[ParsedBlock, ...]:
    """Blocks of an answer without its tags."""
    return markdown.parse(grounding.without_tags(answer))
