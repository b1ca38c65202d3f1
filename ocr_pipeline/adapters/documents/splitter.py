"""Splits long PDFs and TIFFs in child processes: the adapter behind the `Splitter` port."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from ocr_pipeline.adapters.documents import protocol
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.opener import LINGER_SECONDS, Conversation, refused
from ocr_pipeline.adapters.documents.protocol import Kind, ProtocolError
from ocr_pipeline.adapters.documents.request import Request
from ocr_pipeline.adapters.documents.spawner import Spawner
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.ports.bulk import Part

_PDF_WINDOW = 1024
_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")

_FOR_INTAKE = frozenset(
    {
        RefusalReason.MALFORMED,
        RefusalReason.ENCRYPTED_PDF,
        RefusalReason.NO_PAGES,
        RefusalReason.DECOMPRESSION_BOMB,
        RefusalReason.PAGE_TOO_LARGE,
        RefusalReason.IMAGE_TOO_SMALL,
    }
)
"""What is wrong with these intake finds as well, and keeps with the document."""


class ChildProcessSplitter:
    """Splits each file in a child process of its own, within limits. Safe between threads; close it at the end.

    Of the limits, `max_pages` bounds a whole file and `max_page_bytes` one part of it.
    """

    def __init__(self, limits: OpenerLimits, part_pages: int) -> None:
        self._limits = limits
        self._part_pages = part_pages
        self._spawner = Spawner()

    def split(self, content: bytes) -> list[Part]:
        """The parts in order, or the file itself.

        Raises Refused (`too_many_pages`, `too_large`, `too_slow`, `out_of_memory`), Unavailable where no child can be
        started, PipelineError where one was killed from outside.
        """
        media_type = _splittable(content)
        if media_type is None:
            return [Part(1, content)]
        try:
            parts = self._parts(content, media_type)
        except Refused as refusal:
            if refusal.reason not in _FOR_INTAKE:
                raise
            parts = []
        return parts or [Part(1, content)]

    def close(self) -> None:
        """End the processes."""
        self._spawner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _parts(self, content: bytes, media_type: MediaType) -> list[Part]:
        request = Request(media_type, self._limits, self._part_pages)
        with self._spawner.spawn(content, request) as child:
            conversation = _Parts(child, self._limits)
            count = conversation.page_count()
            return conversation.parts(count, self._part_pages)


class _Parts(Conversation):
    """Reads the parts that a child sends, believing nothing."""

    def parts(self, count: int, part_pages: int) -> list[Part]:
        """All parts; none where the file is short enough. Raises Refused."""
        found: list[Part] = []
        following = 1
        while True:
            kind, fields, content, _ = self._frame()
            if kind is Kind.END:
                break
            if kind is not Kind.PART or not content:
                raise refused(RefusalReason.MALFORMED)
            try:
                pages = protocol.decode_part(fields, following, min(part_pages, count - following + 1))
            except ProtocolError:
                raise refused(RefusalReason.MALFORMED) from None
            found.append(Part(following, content))
            following += pages
        self._child.wait(LINGER_SECONDS)
        whole = following == count + 1 if found else count <= part_pages
        if not whole:
            raise refused(RefusalReason.MALFORMED)
        return found


def _splittable(content: bytes) -> MediaType | None:
    if content.startswith(_TIFF_STARTS):
        return MediaType.TIFF
    return MediaType.PDF if b"%PDF-" in content[:_PDF_WINDOW] else None
