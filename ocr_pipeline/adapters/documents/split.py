"""Splitting a long PDF or TIFF into parts, inside the child. The same bytes always give the same parts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pymupdf
from PIL import Image, ImageOps

from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.mupdf import MUPDF_ERRORS, MUPDF_OUT_OF_MEMORY
from ocr_pipeline.adapters.documents.picture import DECODE_ERRORS, Picture
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused

_TWO_COLOURS = "1"


@dataclass(frozen=True, slots=True)
class Cut:
    """Consecutive pages as a file of their own; `first_page` counts from 1."""

    first_page: int
    pages: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Cuts:
    """How many pages a file has, and its parts: none where it is short enough as it is."""

    page_count: int
    parts: Iterator[Cut]


def split(content: bytes, media_type: MediaType, limits: OpenerLimits, part_pages: int) -> Cuts:
    """The parts of a file, of at most so many pages and `max_page_bytes` each.

    Raises Refused, at once or while parts are made: `malformed`, `encrypted_pdf`, `too_many_pages`, and `too_large`
    for a single page that is; MemoryError.
    """
    if media_type is MediaType.PDF:
        return _split_pdf(content, limits, part_pages)
    return _split_tiff(content, limits, part_pages)


def _split_pdf(content: bytes, limits: OpenerLimits, part_pages: int) -> Cuts:
    with _mupdf_errors():
        document = pymupdf.open(stream=content, filetype="pdf")
        if document.needs_pass:
            raise Refused(RefusalReason.ENCRYPTED_PDF, "the file asks for a password")
        count = document.page_count
        document.close()

    def pages(first: int, many: int) -> bytes:
        with _mupdf_errors():
            # Opened afresh: selecting pages changes a document, and keeps what belongs to all of it.
            part = pymupdf.open(stream=content, filetype="pdf")
            part.select(range(first - 1, first - 1 + many))
            made = bytes(part.tobytes(garbage=2, no_new_id=True))
            part.close()
            pymupdf.TOOLS.store_shrink(100)
            return made

    return _cuts(count, limits, part_pages, pages)


def _split_tiff(content: bytes, limits: OpenerLimits, part_pages: int) -> Cuts:
    try:
        picture = Picture.open(content, MediaType.TIFF, limits)
        image, count = picture.image, 1
        while count <= limits.max_pages:
            try:
                image.seek(count)
            except EOFError:
                break
            count += 1
    except DECODE_ERRORS:
        raise Refused(RefusalReason.MALFORMED, "the image cannot be decoded") from None

    def frames(first: int, many: int) -> bytes:
        try:
            taken = []
            for number in range(first - 1, first - 1 + many):
                image.seek(number)
                picture.check_size()
                taken.append(_upright(image))
            return _tiff(taken)
        except DECODE_ERRORS:
            raise Refused(RefusalReason.MALFORMED, "the image cannot be decoded") from None

    return _cuts(count, limits, part_pages, frames)


def _upright(image: Image.Image) -> Image.Image:
    turned = ImageOps.exif_transpose(image)
    turned.info = {"dpi": image.info["dpi"]} if "dpi" in image.info else {}
    return turned


def _tiff(frames: list[Image.Image]) -> bytes:
    """Frames as one TIFF, without loss."""
    fax = all(frame.mode == _TWO_COLOURS for frame in frames)
    options = {"dpi": frames[0].info["dpi"]} if "dpi" in frames[0].info else {}
    out = io.BytesIO()
    compression = "group4" if fax else "tiff_lzw"
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], compression=compression, **options)
    return out.getvalue()


def _cuts(count: int, limits: OpenerLimits, part_pages: int, cut: Callable[[int, int], bytes]) -> Cuts:
    if count > limits.max_pages:
        raise Refused(RefusalReason.TOO_MANY_PAGES, "the file has too many pages", limit="max_pages")
    if count <= part_pages:
        return Cuts(max(count, 1), iter(()))

    def parts() -> Iterator[Cut]:
        first, many = 1, part_pages
        while first <= count:
            many = min(many, count - first + 1)
            made = cut(first, many)
            if len(made) > limits.max_page_bytes:
                if many == 1:
                    raise Refused(RefusalReason.TOO_LARGE, "a page of the file is too large", limit="max_page_bytes")
                many = max(1, many // 2)
                continue
            yield Cut(first, many, made)
            first, many = first + many, part_pages

    return Cuts(count, parts())


@contextmanager
def _mupdf_errors() -> Iterator[None]:
    """What MuPDF raises inside the block, as a refusal."""
    try:
        yield
    except MUPDF_OUT_OF_MEMORY:
        raise MemoryError from None
    except MUPDF_ERRORS:
        raise Refused(RefusalReason.MALFORMED, "the file cannot be read as a PDF") from None
