"""A quick look at a page image, before and apart from reading it: how much can be written on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ocr_pipeline.ports.engine import PageImage


@dataclass(frozen=True, slots=True)
class Survey:
    """`ink` is the share [0, 1] of dark pixels; `glyphs` an estimate of the characters written, None where not made.

    Hangul syllables count as one. The estimate is rough: half to twice the truth on clean print. `twins` counts those
    that have their like right below, as in rows alike; None where nobody counted.
    """

    ink: float
    glyphs: int | None = None
    twins: int | None = None


class Surveyor(Protocol):
    """Looks at pages. Safe between threads."""

    def survey(self, page: PageImage) -> Survey:
        """Raises PageUnreadable when the image cannot be decoded."""
        ...
