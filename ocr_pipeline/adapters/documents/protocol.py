"""What a child says to its parent, and how the parent checks it.

A child answers with frames: OPENED (how many pages), then one PAGE for each, then END; or REFUSED at any point. One
that splits a file sends a PART for each part of it in place of the pages. A frame is a header (kind and the lengths of
its three parts), a small JSON object, the page's image (or the part) and its text layer. The child works on hostile
bytes and may have been taken over by them, so the parent believes nothing it has not checked: lengths before it reads,
numbers against the limits, the image's own header against the claimed size, and refusals are codes whose wording the
parent owns.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from enum import IntEnum

from ocr_pipeline.adapters.documents.image_headers import image_size
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.documents import OpenedPage
from ocr_pipeline.ports.engine import PageImage

MAX_FIELDS_BYTES = 4096
MAX_CHARACTER_BYTES = 4
"""UTF-8 spends at most four bytes on a character."""

DPI_RANGE = (50.0, 1200.0)
"""Resolutions that a scanner may have had; anything else in a file is a made-up figure."""

_PROBLEMS = frozenset({PageReason.NOT_RENDERED, PageReason.BLANK_RENDER})


class ProtocolError(ValueError):
    """The child said something it may not say."""


class Kind(IntEnum):
    """What a frame tells."""

    OPENED = 1
    PAGE = 2
    REFUSED = 3
    END = 4
    PART = 5


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The start of a frame: its kind, and the bytes of fields, image and text that follow."""

    kind: Kind
    fields: int = 0
    image: int = 0
    text: int = 0

    def encode(self) -> bytes:
        """The header as it travels, `HEADER_BYTES` long."""
        return _HEADER.pack(self.kind, self.fields, self.image, self.text)


_HEADER = struct.Struct(">BIII")
HEADER_BYTES = _HEADER.size


@dataclass(frozen=True, slots=True)
class PageReport:
    """A page as a child reports it; `refusal` is why the document would be refused if no page of it gave an image."""

    page: OpenedPage
    refusal: RefusalReason | None = None


def decode_header(data: bytes, limits: OpenerLimits) -> FrameHeader:
    """Read a header of `HEADER_BYTES`. Raises ProtocolError for an unknown kind or a part that is too long."""
    kind, fields, image, text = _HEADER.unpack(data)
    if fields > MAX_FIELDS_BYTES or image > limits.max_page_bytes:
        raise ProtocolError("a frame is too large")
    if text > limits.max_text_characters * MAX_CHARACTER_BYTES:
        raise ProtocolError("a text layer is too large")
    try:
        return FrameHeader(Kind(kind), fields, image, text)
    except ValueError:
        raise ProtocolError("no such kind of frame") from None


def encode_opened(pages: int) -> list[bytes]:
    """The parts of an OPENED frame."""
    return _frame(Kind.OPENED, {"pages": pages})


def decode_opened(fields: bytes, limits: OpenerLimits) -> int:
    """How many pages an OPENED frame promises. Raises ProtocolError unless there is at least one and none too many."""
    pages = _integer(_object(fields), "pages")
    if not 1 <= pages <= limits.max_pages:
        raise ProtocolError("an impossible number of pages")
    return pages


def encode_refused(reason: str, limit: str | None) -> list[bytes]:
    """The parts of a REFUSED frame; `limit` is the name of a field of OpenerLimits."""
    return _frame(Kind.REFUSED, {"reason": reason, "limit": limit})


def decode_refused(fields: bytes, limits: OpenerLimits) -> tuple[RefusalReason, str | None]:
    """The reason and the described limit of a REFUSED frame. Raises ProtocolError for codes that do not exist."""
    values = _object(fields)
    limit = values.get("limit")
    try:
        described = limits.describe(limit) if isinstance(limit, str) else None
        return RefusalReason(str(values.get("reason"))), described
    except ValueError:
        raise ProtocolError("no such refusal") from None


def encode_page(report: PageReport) -> list[bytes]:
    """The parts of a PAGE frame."""
    page, image = report.page, report.page.image
    fields: dict[str, object] = {
        "number": page.number,
        "problem": page.problem,
        "refusal": report.refusal,
        "passed_through": page.passed_through,
        "has_text": page.text_layer is not None,
    }
    if image is not None:
        fields |= {"type": image.media_type, "width": image.width, "height": image.height, "dpi": image.dpi}
    text = (page.text_layer or "").encode("utf-8", "replace")
    return _frame(Kind.PAGE, fields, image.data if image else b"", text)


def decode_page(fields: bytes, image: bytes, text: bytes, number: int, limits: OpenerLimits) -> PageReport:
    """The page of a PAGE frame. Raises ProtocolError unless it is page `number`, consistent and within the limits."""
    values = _object(fields)
    if _integer(values, "number") != number:
        raise ProtocolError("a page is out of turn")
    layer = _text(text, limits) if values.get("has_text") is True else None
    if image:
        found = _image(values, image, limits)
        return PageReport(OpenedPage(number, found, None, layer, values.get("passed_through") is True))
    try:
        problem, refusal = PageReason(str(values.get("problem"))), RefusalReason(str(values.get("refusal")))
    except ValueError:
        raise ProtocolError("neither an image nor a problem") from None
    if problem not in _PROBLEMS:
        raise ProtocolError("not a problem of opening")
    return PageReport(OpenedPage(number, None, problem.value, layer), refusal)


def encode_part(first_page: int, pages: int, content: bytes) -> list[bytes]:
    """The parts of a PART frame."""
    return _frame(Kind.PART, {"first_page": first_page, "pages": pages}, content)


def decode_part(fields: bytes, first_page: int, most_pages: int) -> int:
    """How many pages a PART frame holds: one to so many. Raises ProtocolError unless that is so and it is in turn."""
    values = _object(fields)
    if _integer(values, "first_page") != first_page:
        raise ProtocolError("a part is out of turn")
    pages = _integer(values, "pages")
    if not 1 <= pages <= most_pages:
        raise ProtocolError("a part of an impossible number of pages")
    return pages


def encode_end() -> list[bytes]:
    """The parts of an END frame."""
    return _frame(Kind.END, {})


def _image(values: dict[str, object], data: bytes, limits: OpenerLimits) -> PageImage:
    media_type = str(values.get("type"))
    width, height = _integer(values, "width"), _integer(values, "height")
    if not limits.min_side <= min(width, height) <= max(width, height) <= limits.max_side:
        raise ProtocolError("a side is out of bounds")
    if width * height > limits.max_pixels:
        raise ProtocolError("too many pixels")
    try:
        actual = image_size(data, media_type)
    except ValueError as error:
        raise ProtocolError(str(error)) from None
    if actual != (width, height):
        raise ProtocolError("the image is not of the size claimed")
    return PageImage(data, media_type, width, height, _dpi(values.get("dpi")))


def _dpi(value: object) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if DPI_RANGE[0] <= value <= DPI_RANGE[1] else None


def _text(data: bytes, limits: OpenerLimits) -> str:
    return data.decode("utf-8", "replace")[: limits.max_text_characters]


def _integer(values: dict[str, object], name: str) -> int:
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolError(f"{name} is no whole number")
    return value


def _object(fields: bytes) -> dict[str, object]:
    try:
        values = json.loads(fields)
    except (ValueError, RecursionError):
        raise ProtocolError("fields are not JSON") from None
    if not isinstance(values, dict):
        raise ProtocolError("fields are no object")
    return values


def _frame(kind: Kind, fields: dict[str, object], image: bytes = b"", text: bytes = b"") -> list[bytes]:
    encoded = json.dumps(fields).encode()
    return [FrameHeader(kind, len(encoded), len(image), len(text)).encode(), encoded, image, text]
