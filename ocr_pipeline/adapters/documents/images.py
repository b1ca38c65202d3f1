"""PNG, JPEG and TIFF files as pages, through Pillow."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image

from ocr_pipeline.adapters.documents.grumbles import Grumbles
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.picture import DECODE_ERRORS, Picture
from ocr_pipeline.adapters.documents.protocol import PageReport
from ocr_pipeline.adapters.documents.source import Source, without_image
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.documents import OpenedPage


def open_image(content: bytes, media_type: MediaType, limits: OpenerLimits, grumbles: Grumbles) -> Source:
    """Open an image file; each frame of a TIFF is a page.

    Raises Refused: `malformed`, `decompression_bomb`, `too_many_pages`. Pages that cannot be decoded are reported.
    """
    try:
        picture = Picture.open(content, media_type, limits)
        frames = _count_frames(picture.image, limits) if media_type is MediaType.TIFF else 1
    except DECODE_ERRORS:
        raise Refused(RefusalReason.MALFORMED, "the image cannot be decoded") from None
    return Source(frames, _pages(picture, frames, grumbles))


def _pages(picture: Picture, frames: int, grumbles: Grumbles) -> Iterator[PageReport]:
    for frame in range(frames):
        yield _page(picture, frame, grumbles)


def _page(picture: Picture, frame: int, grumbles: Grumbles) -> PageReport:
    number = frame + 1
    try:
        if frame:
            picture.image.seek(frame)
            picture.check_size()
        found, passed_through = picture.page(grumbles)
    except Refused as refusal:
        if refusal.reason != RefusalReason.IMAGE_TOO_SMALL:
            raise
        return without_image(number, PageReason.NOT_RENDERED, RefusalReason.IMAGE_TOO_SMALL)
    except DECODE_ERRORS:
        return without_image(number, PageReason.NOT_RENDERED, RefusalReason.MALFORMED)
    return PageReport(OpenedPage(number, found, passed_through=passed_through))


def _count_frames(image: Image.Image, limits: OpenerLimits) -> int:
    """How many frames a TIFF has, looking no further than the limit (Pillow ends chains that loop)."""
    for frame in range(1, limits.max_pages + 1):
        try:
            image.seek(frame)
        except EOFError:
            image.seek(0)
            return frame
    raise Refused(RefusalReason.TOO_MANY_PAGES, "the file has too many pages", limit="max_pages")
