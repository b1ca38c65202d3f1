"""What a profile says of a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ocr_pipeline.ports.generation import Sampling


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    r"""A run of text as the model laid it out: `kind` as in `domain.text.Block`; lines without markup, in order.

    Words are in the order in which the model wrote them, and each stands letter by letter in what it wrote, so that
    every word can be found there again. Aside from that are character references (`&lt;`), LaTeX folded to Unicode
    (`\mu g`, `10^3`), raised and lowered HTML, and check boxes.
    """

    lines: tuple[str, ...]
    kind: str = "text"


Parser = Callable[[str], tuple[ParsedBlock, ...]]
"""From what a model wrote to blocks. Never raises: what is not understood is kept as plain lines."""


@dataclass(frozen=True, slots=True)
class ImageRules:
    """How a model cuts images into tokens: sides are rounded to multiples of `factor`, one token each `factor`².

    Images are scaled by the server to lie between `min_pixels` and `max_pixels`; a request may ask for less where they
    are `adjustable`. No side should be longer than `longest` pixels, where the model was trained so. `overhead` tokens
    are added for each image, and `per_row` for each row of tokens.
    """

    factor: int
    min_pixels: int
    max_pixels: int
    overhead: int = 2
    per_row: int = 0
    longest: int | None = None
    adjustable: bool = True

    def limit(self, width: int, height: int, max_pixels: int | None = None) -> int:
        """The most pixels a request should let the server scale this image to."""
        most = self.max_pixels if max_pixels is None else min(self.max_pixels, max_pixels)
        if self.longest is None or max(width, height) <= self.longest:
            return most
        share = self.longest / max(width, height)
        wanted = math.prod(
            max(self.factor, round(side * share / self.factor) * self.factor) for side in (width, height)
        )
        return max(self.min_pixels, min(most, wanted))

    def scaled(self, width: int, height: int, max_pixels: int | None = None) -> tuple[int, int]:
        """Sides in pixels of an image as the model sees it. The rule is `smart_resize` of the Qwen2-VL processor.

        Raises ValueError for an image more than 200 times as long as wide, which that processor refuses.
        """
        if max(width, height) > 200 * min(width, height):
            raise ValueError("an image more than 200 times as long as wide")
        most = self.limit(width, height, max_pixels)
        across = round(width / self.factor) * self.factor
        down = round(height / self.factor) * self.factor
        if across * down > most:
            shrink = math.sqrt(width * height / most)
            across = max(self.factor, math.floor(width / shrink / self.factor) * self.factor)
            down = max(self.factor, math.floor(height / shrink / self.factor) * self.factor)
        elif across * down < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (width * height))
            across = math.ceil(width * grow / self.factor) * self.factor
            down = math.ceil(height * grow / self.factor) * self.factor
        return across, down

    def tokens(self, width: int, height: int, max_pixels: int | None = None) -> int:
        """Tokens that an image of this size takes in the context."""
        across, down = self.scaled(width, height, max_pixels)
        rows = down // self.factor
        return rows * (across // self.factor) + rows * self.per_row + self.overhead


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A tiny picture (PNG) whose text a healthy server reads: the proof that it works."""

    png: bytes
    width: int
    height: int
    text: str


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """One model, or a family that behaves alike.

    `models` are patterns (`fnmatch`, case folded) of model names it is meant for. `prompt_tokens` bounds what prompt
    and chat template take in the context. `image_first` says whether the picture stands before the prompt in the
    message. `overhead_characters` are letters and digits that it writes of its own
    on every page. `smallest_scale` is the least share of a page's side that stays legible. `serve_arguments` and
    `serve_environment` (names and values) are what `vllm serve` needs for it. `faults` are known ones, for people.
    """

    name: str
    models: tuple[str, ...]
    prompt: str
    image: ImageRules
    parse: Parser
    known_picture: KnownPicture
    system: str | None = None
    image_first: bool = True
    sampling: Sampling = field(default_factory=Sampling)
    prompt_tokens: int = 256
    max_output_tokens: int = 4096
    overhead_characters: int = 0
    smallest_scale: float = 0.4
    hotter: float = 0.2
    languages: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    serve_arguments: tuple[str, ...] = ()
    serve_environment: tuple[tuple[str, str], ...] = ()

    def sampling_for(self, attempt: int) -> Sampling:
        """Sampling of a try, counted from 1: each later one is hotter and draws another sample."""
        if attempt <= 1:
            return self.sampling
        heat = min(1.0, self.sampling.temperature + self.hotter * (attempt - 1))
        return replace(self.sampling, temperature=heat, top_p=min(self.sampling.top_p, 0.95), seed=attempt)
