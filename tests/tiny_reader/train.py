"""Trains the tiny reader and writes it to a folder: `python -m tests.tiny_reader.train FOLDER`.

In three parts. First the image half learns glyphs, cell by cell: from answers alone it would stay at chance for
thousands of steps. Then the language half learns to read them out in order, lesson after lesson, from books of pages
that the image half, now standing still, has seen once. Last, both are polished together on fresh pages.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_
from transformers import Qwen2_5_VLForConditionalGeneration

from tests.tiny_reader.batches import LETTERS, Teacher, cell_classes
from tests.tiny_reader.files import configuration, write_processor, write_tokenizer
from tests.tiny_reader.lessons import LESSONS, REHEARSED, Lesson, pages
from tests.tiny_reader.pages import COLUMNS

_SEED = 1
_PEAK = 1e-3
_GLYPH_PEAK = 2e-3
_POLISH_PEAK = 6e-4
_EMPTY_WEIGHT = 0.3
_PASSED = 0.985
_LEAST_STEPS = 60
_BOOK_PAGES = 4096
_BOOK_STEPS = 400
_REPORT = 25


def main() -> None:
    """Train within the steps given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--glyph-steps", type=int, default=400)
    parser.add_argument("--reading-steps", type=int, default=2400)
    parser.add_argument("--polish-steps", type=int, default=400)
    parser.add_argument("--rehearse", action="store_true", help="polish the model in the folder on the easiest things")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(_SEED)
    options.folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(options.folder)
    write_processor(options.folder, tokenizer)
    model = Qwen2_5_VLForConditionalGeneration(configuration(tokenizer)).float()
    print(f"{sum(each.numel() for each in model.parameters()):,} parameters", flush=True)
    training = Training(model, Teacher(model, tokenizer), REHEARSED if options.rehearse else LESSONS, options.batch)
    kept = options.folder / "glyphs.pt"
    if options.rehearse:
        model.load_state_dict(Qwen2_5_VLForConditionalGeneration.from_pretrained(options.folder).float().state_dict())
    else:
        if kept.exists():
            model.model.visual.load_state_dict(torch.load(kept))
        else:
            training.glyphs(options.glyph_steps)
            torch.save(model.model.visual.state_dict(), kept)
        training.reading(options.reading_steps)
    training.polish(options.polish_steps)
    model.to(torch.bfloat16).save_pretrained(options.folder)
    kept.unlink(missing_ok=True)


Book = list[tuple[list[str], torch.Tensor]]
"""Pages of one lesson in batches: their texts, and what the image half made of them."""


class Training:
    """One model being taught."""

    def __init__(
        self, model: Qwen2_5_VLForConditionalGeneration, teacher: Teacher, lessons: Sequence[Lesson], size: int
    ) -> None:
        self._model = model
        self._teacher = teacher
        self._lessons = lessons
        self._size = size
        self._random = Random(_SEED)
        self._progress = Progress()

    def glyphs(self, steps: int) -> None:
        """The image half alone: what stands in each cell?"""
        visual = self._model.model.visual
        head = nn.Linear(self._model.config.text_config.hidden_size, len(LETTERS) + 1)
        weights = torch.ones(len(LETTERS) + 1)
        weights[0] = _EMPTY_WEIGHT
        optimizer = _optimizer([visual, head])
        for step in range(steps):
            _set_rate(optimizer, _GLYPH_PEAK * _slope(step, steps))
            drawn = pages(LESSONS[-2 if step % 4 else -1], self._size // 2, self._random)
            seen = head(self._teacher.see(drawn)).flatten(0, 1)
            truth = cell_classes(drawn)
            loss = cross_entropy(seen, truth, weight=weights)
            _step(optimizer, loss, [visual, head])
            self._progress.note("glyphs", loss, (seen.argmax(-1) == truth)[truth > 0])

    def reading(self, steps: int) -> None:
        """The language half, lesson after lesson; a lesson is passed when nearly every token is right."""
        parts = [self._model.model.language_model, self._model.lm_head]
        optimizer = _optimizer(parts)
        books = [self._book(self._lessons[0])]
        since = 0
        for step in range(steps):
            _set_rate(optimizer, _PEAK * _slope(step, steps))
            book = books[self._chosen(len(books))]
            texts, seen = self._random.choice(book)
            right = self._lesson(f"lesson {len(books)}", texts, seen, optimizer, parts)
            since += 1
            if right > _PASSED and since > _LEAST_STEPS and len(books) < len(self._lessons):
                books.append(self._book(self._lessons[len(books)]))
                since = 0
                self._progress.forget()
            elif since % _BOOK_STEPS == 0:
                books[-1] = self._book(self._lessons[len(books) - 1])

    def polish(self, steps: int) -> None:
        """Both halves, on everything."""
        optimizer = _optimizer([self._model])
        for step in range(steps):
            _set_rate(optimizer, _POLISH_PEAK * _slope(step, steps))
            drawn = pages(self._lessons[self._chosen(len(self._lessons))], self._size, self._random)
            texts = [page.text for page in drawn]
            self._lesson("polish", texts, self._teacher.see(drawn), optimizer, [self._model])

    def _lesson(
        self,
        name: str,
        texts: Sequence[str],
        seen: torch.Tensor,
        optimizer: torch.optim.Optimizer,
        parts: Iterable[nn.Module],
    ) -> float:
        batch = self._teacher.batch(texts, seen.shape[1] // COLUMNS)
        said = self._teacher.say(batch, seen)
        loss = cross_entropy(said.flatten(0, 1), batch.targets.flatten())
        _step(optimizer, loss, parts)
        return self._progress.note(name, loss, (said.argmax(-1) == batch.targets)[batch.targets >= 0])

    def _book(self, lesson: Lesson) -> Book:
        drawn = [pages(lesson, self._size, self._random) for _ in range(_BOOK_PAGES // self._size)]
        with torch.no_grad():
            return [([page.text for page in each], self._teacher.see(each)) for each in drawn]

    def _chosen(self, lessons: int) -> int:
        """The newest lesson, and now and then an earlier one, so that it is not forgotten."""
        return self._random.randrange(lessons) if self._random.random() < 0.2 else lessons - 1


class Progress:
    """A running mean of what is right, and a line now and then."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._steps = 0
        self._right = 0.0

    def note(self, what: str, loss: torch.Tensor, right: torch.Tensor) -> float:
        self._steps += 1
        self._right = 0.95 * self._right + 0.05 * right.float().mean().item()
        if self._steps % _REPORT == 0:
            spent = time.monotonic() - self._started
            print(
                f"{spent:6.0f} s  step {self._steps}  {what}  loss {loss.item():.3f}  right {self._right:.3f}",
                flush=True,
            )
        return self._right

    def forget(self) -> None:
        self._right = 0.5


def _optimizer(parts: Iterable[nn.Module]) -> torch.optim.Optimizer:
    weights = [weight for part in parts for weight in part.parameters()]
    matrices = {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": 0.01}
    others = {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0}
    return torch.optim.AdamW([matrices, others], lr=_PEAK, betas=(0.9, 0.98))


def _slope(step: int, steps: int) -> float:
    """Up over a short warm-up, level, and down to nearly nothing over the last third."""
    return min(1.0, (step + 1) / 80) * min(1.0, max(0.02, (steps - step) / (0.35 * steps)))


def _set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor, parts: Iterable[nn.Module]) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    clip_grad_norm_([weight for part in parts for weight in part.parameters() if weight.grad is not None], 1.0)
    optimizer.step()


if __name__ == "__main__":
    main()
