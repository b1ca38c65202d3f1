"""The size of an encoded image, read from its header alone.

The caller of an untrusted child checks with it that an image is as large as the child says, without decoding it.
"""

from __future__ import annotations

import struct

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"

_PNG_HEADER_AT = 12
_PNG_SIZE = struct.Struct(">4sII")
_JPEG_FRAME = struct.Struct(">HBHH")
_MARKER = 0xFF
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def image_size(data: bytes, media_type: str) -> tuple[int, int]:
    """Width and height in pixels of a PNG or JPEG. Raises ValueError for anything else, or a header that is broken."""
    if media_type == "image/png":
        return _png_size(data)
    if media_type == "image/jpeg":
        return _jpeg_size(data)
    raise ValueError("neither PNG nor JPEG")


def _png_size(data: bytes) -> tuple[int, int]:
    if not data.startswith(PNG_SIGNATURE) or len(data) < _PNG_HEADER_AT + _PNG_SIZE.size:
        raise ValueError("not a PNG")
    kind, width, height = _PNG_SIZE.unpack_from(data, _PNG_HEADER_AT)
    if kind != b"IHDR":
        raise ValueError("PNG without a header")
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    if not data.startswith(JPEG_SIGNATURE):
        raise ValueError("not a JPEG")
    at = 2
    while at + 4 <= len(data):
        if data[at] != _MARKER:
            raise ValueError("JPEG marker expected")
        marker = data[at + 1]
        if marker == _MARKER:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _FRAME_HEADERS:
            return _jpeg_frame_size(data, at + 2)
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    raise ValueError("JPEG without a frame header")


def _jpeg_frame_size(data: bytes, at: int) -> tuple[int, int]:
    if at + _JPEG_FRAME.size > len(data):
        raise ValueError("JPEG cut in its frame header")
    _, _, height, width = _JPEG_FRAME.unpack_from(data, at)
    return width, height
