"""Pages as the tensors that a Qwen2.5-VL takes and is corrected by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from tests.tiny_reader.pages import CAPITALS, CELL, COLUMNS, DIGITS, HANGUL, CodePage
from tests.tiny_reader.profile import PROMPT

PATCH = 14
LETTERS = DIGITS + CAPITALS + HANGUL
"""All letters; the class of a cell is one more than the letter's place here, 0 for an empty cell."""

_CHANNELS, _FRAMES = 3, 2
_CLASS = {letter: at for at, letter in enumerate(LETTERS, 1)}
_IGNORED = -100


@dataclass(frozen=True, slots=True)
class Batch:
    """`ids` (pages x tokens) of questions and answers, `targets` (pages x answer tokens), `start` of the answers.

    `places` are the positions of the tokens, as the model counts them.
    """

    ids: torch.Tensor
    targets: torch.Tensor
    start: int
    places: torch.Tensor


def rows_of(page: CodePage) -> int:
    """Rows of cells on a page."""
    return int(page.pixels.shape[0]) // CELL


def patches(pages: Sequence[CodePage]) -> torch.Tensor:
    """Pixels in the order in which the Qwen2-VL image processor gives them: (patches, channels x frames x 14 x 14).

    All pages have the same number of lines.
    """
    pixels = np.stack([page.pixels for page in pages]).astype(np.float32) / 127.5 - 1
    count, rows = len(pages), rows_of(pages[0])
    cut = pixels.reshape(count, rows, 2, PATCH, COLUMNS, 2, PATCH).transpose(0, 1, 4, 2, 5, 3, 6)
    shape = (count, rows, COLUMNS, 2, 2, _CHANNELS, _FRAMES, PATCH, PATCH)
    filled = np.broadcast_to(cut[:, :, :, :, :, None, None], shape)
    return torch.from_numpy(np.ascontiguousarray(filled).reshape(-1, _CHANNELS * _FRAMES * PATCH * PATCH))


def grids(count: int, rows: int) -> torch.Tensor:
    """Frames, rows and columns of patches of so many pages with so many rows of cells."""
    return torch.tensor([[1, 2 * rows, 2 * COLUMNS]]).repeat(count, 1)


def cell_classes(pages: Sequence[CodePage]) -> torch.Tensor:
    """What stands in each cell, page by page and row by row; a letter fills two cells, one above the other."""
    classes = np.zeros((len(pages), rows_of(pages[0]), COLUMNS), np.int64)
    for at, page in enumerate(pages):
        for letter, number, column in page.cells:
            top = 1 + 2 * number
            classes[at, top : top + 2, column] = _CLASS[letter]
    return torch.from_numpy(classes).reshape(-1)


class Teacher:
    """Puts questions and answers to one model."""

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._image = model.config.image_token_id
        self._end = tokenizer.convert_tokens_to_ids("<|im_end|>")
        self._pad = tokenizer.convert_tokens_to_ids("<|endoftext|>")
        self._before = tokenizer("<|im_start|>user\n<|vision_start|>").input_ids
        self._after = tokenizer(f"<|vision_end|>{PROMPT}<|im_end|>\n<|im_start|>assistant\n").input_ids
        self._places: dict[tuple[int, int], torch.Tensor] = {}

    def batch(self, texts: Sequence[str], rows: int) -> Batch:
        """Questions about pages with so many rows of cells, and their answers, padded on the right."""
        question = [*self._before, *[self._image] * (rows * COLUMNS), *self._after]
        answers = [[*self._tokenizer(text).input_ids, self._end] for text in texts]
        start, longest = len(question), max(map(len, answers))
        ids = torch.full((len(texts), start + longest), self._pad)
        targets = torch.full((len(texts), longest), _IGNORED)
        ids[:, :start] = torch.tensor(question)
        for at, answer in enumerate(answers):
            ids[at, start : start + len(answer)] = targets[at, : len(answer)] = torch.tensor(answer)
        return Batch(ids, targets, start, self._positions(ids[:1], rows).expand(-1, len(texts), -1))

    def see(self, pages: Sequence[CodePage]) -> torch.Tensor:
        """What the image half makes of pages: (pages x cells x hidden)."""
        seen = self._model.model.visual(patches(pages), grid_thw=grids(len(pages), rows_of(pages[0]))).pooler_output
        return seen.reshape(len(pages), -1, seen.shape[-1])

    def say(self, batch: Batch, seen: torch.Tensor) -> torch.Tensor:
        """Scores of each next token of the answers: (pages x answer tokens x vocabulary)."""
        words = self._model.model.language_model.embed_tokens(batch.ids)
        mixed = words.masked_scatter((batch.ids == self._image)[..., None], seen)
        hidden = self._model.model.language_model(
            inputs_embeds=mixed, position_ids=batch.places, attention_mask=torch.ones_like(batch.ids), use_cache=False
        ).last_hidden_state
        return self._model.lm_head(hidden[:, batch.start - 1 : -1])

    def _positions(self, ids: torch.Tensor, rows: int) -> torch.Tensor:
        """The same for all pages of one size; asking the model for each page would cost more."""
        size = (rows, ids.shape[1])
        if size not in self._places:
            self._places[size], _ = self._model.model.get_rope_index(
                ids,
                mm_token_type_ids=(ids == self._image).long(),
                image_grid_thw=grids(1, rows),
                attention_mask=torch.ones_like(ids),
            )
        return self._places[size]
