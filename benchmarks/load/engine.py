"""An engine that costs next to nothing, named `cheap` by the entry point that `installed` lays down.

Everything but the reading is real then: pages are fetched, opened, weighed, sealed and reported.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from ocr_pipeline.domain.text import Block, Line, PageText, Word
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions

NAME = "cheap"
SECONDS_A_PAGE = 0.02
DOUBTFUL_EVERY = 8


class CheapEngine:
    """Says a few words of every page; one page in eight it doubts, so that some go to a person."""

    name = "cheap/1"

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        del options
        time.sleep(SECONDS_A_PAGE)
        digest = hashlib.sha256(page.data).digest()
        confidence = 0.5 if digest[0] % DOUBTFUL_EVERY == 0 else 0.99
        words = tuple(Word(word, confidence) for word in ("Amlodipine", "5", "mg", digest.hex()[:8]))
        return PageText((Block((Line(words),)),), self.name, page.width, page.height, ink=0.05)

    def check(self) -> None:
        """Always well."""

    def close(self) -> None:
        """Nothing to give back."""


def build(*, slots: int) -> CheapEngine:
    """What the entry point names."""
    del slots
    return CheapEngine()


def installed(folder: Path) -> Path:
    """A folder for the path of Python's modules, in which the engine stands as one of another package would."""
    described = folder / "engines" / "cheap_engine-1.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: cheap-engine\nVersion: 1\n", "utf-8")
    (described / "entry_points.txt").write_text(f"[ocr_pipeline.engines]\n{NAME} = {__name__}:build\n", "utf-8")
    return described.parent
