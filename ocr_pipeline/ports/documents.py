"""Opening of hostile files: bytes in, upright page images out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ocr_pipeline.domain.documents import MediaType
from ocr_pipeline.ports.engine import PageImage


@dataclass(frozen=True, slots=True)
class OpenedPage:
    """One page: an image ready for recognition, or the `problem` (a `PageReason` value) that there is none.

    `text_layer` is the text the file itself carries for the page, kept for comparison, None where it has none worth it.
    `passed_through` is True where the image is the scanner's own encoding, unchanged.
    """

    number: int
    image: PageImage | None
    problem: str | None = None
    text_layer: str | None = None
    passed_through: bool = False


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """An opened file: how many pages it has, and the pages one after another (lazily; each may raise Refused)."""

    page_count: int
    pages: Iterator[OpenedPage]


class DocumentOpener(Protocol):
    """Opens a file within limits of memory, time, pages and pixels, apart from the caller's process."""

    def open(self, content: bytes, media_type: MediaType) -> AbstractContextManager[OpenedDocument]:
        """Open the file. Raises Refused with a reason and the limit, at once or while pages are read.

        The media type comes from the content (see `intake.sniff`), never from a name or header.
        """
        ...
