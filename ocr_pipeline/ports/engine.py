"""The recogniser of one page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ocr_pipeline.domain.text import PageText


@dataclass(frozen=True, slots=True)
class PageImage:
    """An encoded page image (`image/png`, `image/jpeg`, `image/tiff` or `image/webp`) and its size in pixels.

    `dpi` is the resolution the image was scanned or rendered at, None where the file does not say.
    """

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    dpi: float | None = None


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """How to read: `attempt` counts from 1 (later attempts may try harder), `timeout` is seconds for the whole page.

    On the `last` attempt a doubtful reading is better than none: a person will see it. `session` is the same for pages
    that belong together, so that an engine of several machines may keep them on one; `page` is an opaque name that
    stays the same over a page's attempts.
    """

    attempt: int = 1
    timeout: float = 30.0
    priority: int = 1
    last: bool = False
    session: str | None = None
    page: str | None = None


class Engine(Protocol):
    """Reads a page. Implementations are safe to call from several threads at once."""

    @property
    def name(self) -> str:
        """Engine and version, as kept beside each result."""
        ...

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        """Read one page.

        Raises EngineTimeout past the deadline, EngineUnavailable when it cannot work at all, PageUnreadable when the
        image cannot be decoded, EngineError for any other failure on this page.
        """
        ...

    def check(self) -> None:
        """Prove by reading a tiny known picture that the engine works. Raises EngineUnavailable."""
        ...

    def close(self) -> None:
        """Give back threads, memory and connections."""
        ...
