"""What a file is, told from its first bytes alone: never from its name, nor from what a client says it is."""

from __future__ import annotations

from collections.abc import Collection

from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused

EVERY_FORMAT = frozenset(MediaType)

PDF_WINDOW = 1024
"""Readers take a PDF whose header comes within the first kilobyte, as Adobe's does (PDF Reference 1.7, Appendix H)."""

_ACCEPTED: tuple[tuple[bytes, MediaType], ...] = (
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"II*\x00", MediaType.TIFF),
    (b"MM\x00*", MediaType.TIFF),
    (b"II+\x00", MediaType.TIFF),
    (b"MM\x00+", MediaType.TIFF),
)

_FOREIGN: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF image"),
    (0, b"PK\x03\x04", "a ZIP archive or an office document"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\xfd7zXZ\x00", "an XZ archive"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document (OLE)"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\x97JB2\r\n\x1a\n", "a JBIG2 image"),
    (0, b"BM", "a BMP image"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (8, b"WEBP", "a WebP image"),
    (4, b"ftypheic", "a HEIC image"),
    (4, b"ftypheix", "a HEIC image"),
    (4, b"ftypmif1", "a HEIF image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyp", "a video"),
    (128, b"DICM", "a DICOM file"),
)

_TEXTUAL: tuple[tuple[bytes, str], ...] = (
    (b"%!ps", "a PostScript file"),
    (b"{\\rtf", "an RTF document"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG image"),
    (b"<?xml", "an XML file"),
)


def sniff(content: bytes, accepted: Collection[MediaType] = EVERY_FORMAT) -> MediaType:
    """Name the format of a file from its magic bytes.

    `content` may be the whole file or its first kilobyte. A PDF may have junk before its header. Raises Refused with
    `empty_file`, or with `unsupported_format` for anything that is not in `accepted`.
    """
    if not content:
        raise Refused(RefusalReason.EMPTY_FILE, "The file is empty.")
    found = _recognised(content)
    if found is None:
        raise _unsupported(_describe(content), accepted)
    if found not in accepted:
        raise _unsupported(f"{_name(found)}, which is not taken in here", accepted)
    return found


def _recognised(content: bytes) -> MediaType | None:
    for magic, media_type in _ACCEPTED:
        if content.startswith(magic):
            return media_type
    if _foreign(content) is not None:
        return None
    return MediaType.PDF if b"%PDF-" in content[: PDF_WINDOW + 5] else None


def _foreign(content: bytes) -> str | None:
    for offset, magic, description in _FOREIGN:
        if content.startswith(magic, offset):
            return description
    return None


def _describe(content: bytes) -> str:
    foreign = _foreign(content)
    if foreign is not None:
        return foreign
    start = content[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, description in _TEXTUAL:
        if start.startswith(magic):
            return description
    return "no known image or PDF"


def _unsupported(found: str, accepted: Collection[MediaType]) -> Refused:
    names = ", ".join(_name(media_type) for media_type in MediaType if media_type in accepted)
    message = f"The file is {found}. Accepted formats: {names}."
    return Refused(RefusalReason.UNSUPPORTED_FORMAT, message, limit="supported_formats")


def _name(media_type: MediaType) -> str:
    return media_type.name
