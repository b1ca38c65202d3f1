"""The bounds a file is opened within."""

from __future__ import annotations

from dataclasses import dataclass, fields

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenerLimits:
    """Bounds of one document. Every one is positive.

    Pages: `max_pages` a document; `max_pixels` the budget of a page image (larger ones are reduced to it) and
    `max_side` the longest side, `min_side` the shortest, in pixels; `render_dpi` for pages that must be drawn.
    Sources: `max_source_pixels` of one image before it is decoded, `max_page_points` (1/72 inch) of a PDF page's side,
    `max_content_bytes` of a PDF page's decompressed drawing instructions.
    Answers: `max_page_bytes` of an encoded page image, `max_text_characters` of a page's text layer.
    The child: `memory_bytes` of address space (a fresh child has 200 MiB of it), `document_seconds` and `page_seconds`
    of waiting for it; the time the caller takes over a page does not count.
    """

    max_pages: int = 20
    max_pixels: int = 2048 * 2048
    max_side: int = 8192
    min_side: int = 16
    render_dpi: int = 200
    max_source_pixels: int = 100_000_000
    max_page_points: int = 14_400
    max_content_bytes: int = 64 * MEBIBYTE
    max_page_bytes: int = 32 * MEBIBYTE
    max_text_characters: int = 100_000
    memory_bytes: int = 1024 * MEBIBYTE
    document_seconds: float = 25.0
    page_seconds: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be positive")

    def describe(self, name: str) -> str:
        """A bound as it is shown to a client. Raises ValueError for a name that is not one of these."""
        if name not in {field.name for field in fields(self)}:
            raise ValueError("no such limit")
        return f"{name}={getattr(self, name)}"
