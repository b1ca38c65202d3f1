"""Page pictures into files: PDF, multi-frame TIFF, PNG, JPEG. No dates or ids are written, so bytes repeat."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from ocr_pipeline.samples.specs import Container

_ORIENTATION: Final = 0x0112  # the EXIF tag
_QUARTERS_BACK: Final = {1: 0, 3: 180, 6: 90, 8: 270}  # degrees a viewer turns the stored picture clockwise
_EPOCH: Final = time.gmtime(0)


def write(path: Path, container: Container, pages: Sequence[Image.Image], *, dpi: int, quality: int) -> None:
    """Write upright `pages`: grey ones as JPEG data (PNG keeps every pixel), bilevel ones as CCITT group 4.

    `quality` is that of JPEG. PNG and JPEG hold the first page alone.
    """
    first, rest = pages[0], list(pages[1:])
    bilevel = first.mode == "1"
    lossy = {} if bilevel else {"quality": quality}
    match container:
        case Container.PDF:
            dates = {"creationDate": _EPOCH, "modDate": _EPOCH}
            first.save(path, "PDF", save_all=True, append_images=rest, resolution=dpi, **dates, **lossy)
        case Container.TIFF:
            compression = "group4" if bilevel else "jpeg"
            first.save(
                path, "TIFF", save_all=True, append_images=rest, compression=compression, dpi=(dpi, dpi), **lossy
            )
        case Container.PNG:
            first.save(path, "PNG", optimize=True, dpi=(dpi, dpi))
        case Container.JPEG:
            first.save(path, "JPEG", quality=quality, optimize=True, dpi=(dpi, dpi))


def write_photo(path: Path, upright: Image.Image, *, orientation: int, quality: int) -> None:
    """Write a photo as a camera held sideways does: the pixels turned and an EXIF `orientation` that says how."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    stored = upright.rotate(_QUARTERS_BACK[orientation], expand=True)
    stored.save(path, "JPEG", quality=quality, optimize=True, exif=exif)
