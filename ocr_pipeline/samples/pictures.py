"""From a laid-out page to the picture that reaches the hospital: rendering, degradation and turning of one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import Image

from ocr_pipeline.samples import degrade, photo
from ocr_pipeline.samples.specs import SampleSpec, Variant

DPI: Final = {Variant.CLEAN: 200, Variant.SCAN: 200, Variant.FAX: 200, Variant.PHOTO: 170}
QUALITY: Final = {Variant.CLEAN: 90, Variant.SCAN: 55, Variant.FAX: 55, Variant.PHOTO: 70}
_ORIENTATIONS: Final = (6, 6, 8, 3, 1)
_STREAM: Final = {Variant.CLEAN: 1, Variant.SCAN: 2, Variant.FAX: 3, Variant.PHOTO: 4}


@dataclass(frozen=True, slots=True)
class Picture:
    """One page as seen. `orientation` is the EXIF value a camera would store; 1 for upright pixels."""

    image: Image.Image
    orientation: int = 1


def take(document: pymupdf.Document, number: int, spec: SampleSpec) -> Picture:
    """The picture of page `number` (from 1) of `document` in the way `spec` asks."""
    rng = np.random.default_rng([spec.seed, number, _STREAM[spec.variant]])
    in_colour = spec.variant is Variant.PHOTO
    page = _render(document[number - 1], DPI[spec.variant], in_colour=in_colour)
    if in_colour:
        seen = degrade.turn(photo.photograph(page, rng), spec.turn_of(number))
        return Picture(Image.fromarray(seen), int(rng.choice(_ORIENTATIONS)))
    if number in spec.unreadable:
        page = degrade.ruin(page, rng)
    match spec.variant:
        case Variant.SCAN:
            page = degrade.scan(page, rng)
        case Variant.FAX:
            page = degrade.fax(page, rng)
        case Variant.CLEAN | Variant.PHOTO:
            pass
    image = Image.fromarray(degrade.turn(page, spec.turn_of(number)))
    return Picture(image.convert("1", dither=Image.Dither.NONE) if spec.variant is Variant.FAX else image)


def _render(page: pymupdf.Page, dpi: int, *, in_colour: bool) -> NDArray[np.uint8]:
    pixmap = page.get_pixmap(dpi=dpi, colorspace=pymupdf.csRGB if in_colour else pymupdf.csGRAY, alpha=False)
    pixels = np.frombuffer(pixmap.samples, dtype=np.uint8)
    shape = (pixmap.height, pixmap.width, 3) if in_colour else (pixmap.height, pixmap.width)
    return pixels.reshape(shape)
