"""A document on its way out: hashed first, because its digest is signed, then sent piece by piece."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ocr_pipeline import signing

Source = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or an open file that can be wound back; of that what follows its position is sent."""

_PIECE = 64 * 1024
_HEAD = 16
_OTHER = "application/octet-stream"
_SIGNATURES = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """An open document, its size in bytes, and what is said of it. It can be sent more than once."""

    file: BinaryIO
    start: int
    size: int
    content_type: str
    content_digest: str

    @property
    def headers(self) -> dict[str, str]:
        """What a request with it must say."""
        return {
            "Content-Type": self.content_type,
            "Content-Length": str(self.size),
            "Content-Digest": self.content_digest,
        }

    def pieces(self) -> Iterator[bytes]:
        """Its bytes from the beginning, at most 64 KiB at once."""
        self.file.seek(self.start)
        while piece := self.file.read(_PIECE):
            yield piece


@contextmanager
def opened(source: Source, content_type: str | None = None) -> Iterator[Upload]:
    """A document ready to be sent. Its type is told from its first bytes, unless it is given.

    Raises OSError for a file that cannot be read, and ValueError for one that cannot be wound back.
    """
    with _file(source) as file:
        if not file.seekable():
            raise ValueError("the file cannot be wound back: read it into bytes, or give its path")
        start = file.tell()
        head = file.read(_HEAD)
        digest, size = hashlib.sha256(head), len(head)
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
        yield Upload(file, start, size, content_type or _sniffed(head), signing.content_digest(digest.digest()))


def _file(source: Source) -> nullcontext[BinaryIO] | BinaryIO:
    """The file to read, closed afterwards where it was opened here."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        return Path(source).open("rb")
    return nullcontext(source)


def _sniffed(head: bytes) -> str:
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), _OTHER)
