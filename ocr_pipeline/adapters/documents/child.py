"""What one child does: open one document and report its pages (or cut it into parts), or why it may not come in."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator

from PIL import ExifTags, Image

from ocr_pipeline.adapters.documents import protocol
from ocr_pipeline.adapters.documents.grumbles import Grumbles, NoGrumbles
from ocr_pipeline.adapters.documents.images import open_image
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.pdf import open_pdf, sample_pdf
from ocr_pipeline.adapters.documents.source import Source
from ocr_pipeline.adapters.documents.split import split
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused


def serve(
    content: bytes,
    media_type: MediaType,
    limits: OpenerLimits,
    channel: socket.socket,
    grumbles: Grumbles,
    part_pages: int | None = None,
) -> None:
    """Answer for one document on `channel`: with its pages, or with its parts of at most `part_pages` pages.

    Anything but a refusal or a lack of memory is left to end the process: the parent draws the conclusion.
    """
    try:
        if part_pages is None:
            frames = _answers(content, media_type, limits, grumbles)
        else:
            frames = _parts(content, media_type, limits, part_pages)
        for frame in frames:
            _send(channel, frame)
    except Refused as refusal:
        _send(channel, protocol.encode_refused(refusal.reason, refusal.limit))
    except MemoryError:
        _send(channel, protocol.encode_refused(RefusalReason.OUT_OF_MEMORY, "memory_bytes"))


def open_source(content: bytes, media_type: MediaType, limits: OpenerLimits, grumbles: Grumbles) -> Source:
    """Open a document of a known format. Raises Refused; MemoryError where the limit of memory is met."""
    if media_type is MediaType.PDF:
        return open_pdf(content, limits, grumbles)
    return open_image(content, media_type, limits, grumbles)


def rehearse() -> None:
    """Go once through every path on tiny files, so that no child has a module left to load when its doors are shut."""
    limits = OpenerLimits()
    for content, media_type in _samples():
        for _ in _answers(content, media_type, limits, NoGrumbles()):
            pass
    for content in (_two_frames("1"), _two_frames("L")):
        for _ in _parts(content, MediaType.TIFF, limits, 1):
            pass
    for _ in _parts(sample_pdf(_encoded(_grey(), "JPEG")), MediaType.PDF, limits, 1):
        pass


def _answers(content: bytes, media_type: MediaType, limits: OpenerLimits, grumbles: Grumbles) -> Iterator[list[bytes]]:
    source = open_source(content, media_type, limits, grumbles)
    yield protocol.encode_opened(source.page_count)
    for report in source.pages:
        yield protocol.encode_page(report)
    yield protocol.encode_end()


def _parts(content: bytes, media_type: MediaType, limits: OpenerLimits, part_pages: int) -> Iterator[list[bytes]]:
    cuts = split(content, media_type, limits, part_pages)
    yield protocol.encode_opened(cuts.page_count)
    for part in cuts.parts:
        yield protocol.encode_part(part.first_page, part.pages, part.content)
    yield protocol.encode_end()


def _send(channel: socket.socket, frame: list[bytes]) -> None:
    for part in frame:
        if part:
            channel.sendall(part)


def _samples() -> Iterator[tuple[bytes, MediaType]]:
    image = _grey()
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    jpeg = _encoded(image, "JPEG")
    yield jpeg, MediaType.JPEG
    yield _encoded(image, "JPEG", exif=turned), MediaType.JPEG
    yield _encoded(image, "PNG"), MediaType.PNG
    yield _encoded(image, "TIFF", compression="tiff_lzw"), MediaType.TIFF
    yield _encoded(image, "TIFF", compression="jpeg"), MediaType.TIFF
    yield sample_pdf(jpeg), MediaType.PDF


def _grey() -> Image.Image:
    return Image.new("L", (64, 64), 200)


def _two_frames(mode: str) -> bytes:
    frame = _grey().convert(mode)
    return _encoded(frame, "TIFF", save_all=True, append_images=[frame])


def _encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()
