"""PDF pages that are one image: most of what scanners make.

Such a page need not be drawn. A JPEG is taken out byte for byte, other images are unpacked pixel for pixel; each is
then compared with a small drawing of the page, because clips, masks, decode arrays and colour spaces can make a page
look different from the image in it. Whatever does not match is left to be drawn.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import pymupdf
from PIL import Image, ImageChops

from ocr_pipeline.adapters.documents.grumbles import Grumbles
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.mupdf import to_image
from ocr_pipeline.adapters.documents.picture import Picture
from ocr_pipeline.adapters.documents.raster import encode, extrema, fits, fitted_size
from ocr_pipeline.domain.documents import MediaType
from ocr_pipeline.ports.engine import PageImage

Marks = list[tuple[str, tuple[float, float, float, float]]]
"""What a page draws, in order: the kind of each mark and its box in points."""

INVISIBLE = "ignore-text"
_IMAGE = "fill-image"
_EDGE_TOLERANCE = 0.01
_ASPECT_TOLERANCE = 0.03
_SKEW_TOLERANCE = 0.001
_SMALL_SIDE = 256
_GRID = (24, 32)
_MAX_DIFFERENCE = 24
"""Levels of 255. Two ways of reducing the same scan were seen up to 13 apart, and an inverted one is over 200."""
_TURNS = (None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)


@dataclass(frozen=True, slots=True)
class Scan:
    """The one image of a page: its object number, pixels, bits a channel, and how it is placed.

    `quarter_turns` clockwise bring it upright as the page shows it; `dpi` is its resolution on the page.
    """

    xref: int
    width: int
    height: int
    bits: int
    is_jpeg: bool
    quarter_turns: int
    dpi: float


def find_scan(page: pymupdf.Page, marks: Marks, limits: OpenerLimits) -> Scan | None:
    """The image that is all one sees of a page, None where there is more, or less, or it is bent or squeezed."""
    visible = [kind for kind, _ in marks if kind != INVISIBLE]
    placed = page.get_image_info() if visible.count(_IMAGE) == 1 and visible[-1] == _IMAGE else []
    if len(placed) != 1:
        return None
    width, height = placed[0]["width"], placed[0]["height"]
    known = {row[0]: row for row in page.get_images(full=True) if row[2:4] == (width, height)}
    if len(known) != 1 or min(fitted_size(width, height, limits)) < limits.min_side:
        return None
    (xref, mask, _, _, bits, *_, coding, _), *_ = known.values()
    matrix = pymupdf.Matrix(placed[0]["transform"]) * page.rotation_matrix
    turns = _quarter_turns(matrix)
    if mask or turns is None or not _covers(pymupdf.Rect(0, 0, 1, 1) * matrix, page.rect):
        return None
    across, down = (height, width) if turns % 2 else (width, height)
    dpi_across, dpi_down = across * 72 / page.rect.width, down * 72 / page.rect.height
    if abs(dpi_across / dpi_down - 1) > _ASPECT_TOLERANCE:
        return None
    is_jpeg = coding == "DCTDecode" or "DCTDecode" in page.parent.xref_get_key(xref, "Filter")[1]
    return Scan(xref, width, height, bits, is_jpeg, turns, dpi_across)


def take_scan(
    page: pymupdf.Page, scan: Scan, limits: OpenerLimits, grumbles: Grumbles
) -> tuple[PageImage, bool] | None:
    """The page image out of the file, and whether it is the scanner's own encoding; None where the page must be drawn.

    Raises CutShort and what else Pillow raises on a damaged JPEG.
    """
    if scan.is_jpeg:
        return _take_jpeg(page, scan, limits, grumbles)
    if scan.quarter_turns or not fits(scan.width, scan.height, limits):
        return None
    pixels = to_image(pymupdf.Pixmap(page.parent, scan.xref))
    if not _looks_like(page, pixels):
        return None
    if scan.bits == 1:
        pixels = pixels.convert("1", dither=Image.Dither.NONE)
    return encode(pixels, scan.dpi), False


def _take_jpeg(
    page: pymupdf.Page, scan: Scan, limits: OpenerLimits, grumbles: Grumbles
) -> tuple[PageImage, bool] | None:
    found = page.parent.extract_image(scan.xref)
    if found.get("ext") != "jpeg":
        return None
    content = found["image"]
    picture = Picture.open(content, MediaType.JPEG, limits)
    picture.image.info.pop("dpi", None)  # the page says how large its image is
    if picture.image.size != (scan.width, scan.height) or picture.is_tagged_turned:
        return None  # PDF ignores the orientation tag and recognisers do not
    taken, passed_through = picture.page(grumbles, _TURNS[scan.quarter_turns])
    if not _looks_like(page, _small(taken)):
        return None
    reduction = taken.width / (scan.height if scan.quarter_turns % 2 else scan.width)
    return replace(taken, dpi=scan.dpi * reduction), passed_through


def _small(taken: PageImage) -> Image.Image:
    image = Image.open(io.BytesIO(taken.data), formats=("JPEG",))
    image.draft("L", (_SMALL_SIDE, _SMALL_SIDE))
    return image.convert("L")


def _looks_like(page: pymupdf.Page, image: Image.Image) -> bool:
    """Whether the page, drawn small, shows this image and nothing else: as light, all over a coarse grid."""
    scale = _SMALL_SIDE / max(page.rect.width, page.rect.height)
    drawn = to_image(page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY, alpha=False))
    difference = ImageChops.difference(_coarse(drawn), _coarse(image))
    return extrema(difference)[1] <= _MAX_DIFFERENCE


def _coarse(image: Image.Image) -> Image.Image:
    return image.resize(_GRID, Image.Resampling.BOX)


def _covers(box: pymupdf.Rect, page: pymupdf.Rect) -> bool:
    across, down = page.width * _EDGE_TOLERANCE, page.height * _EDGE_TOLERANCE
    return bool(
        abs(box.x0 - page.x0) <= across
        and abs(box.x1 - page.x1) <= across
        and abs(box.y0 - page.y0) <= down
        and abs(box.y1 - page.y1) <= down
    )


def _quarter_turns(matrix: pymupdf.Matrix) -> int | None:
    """Clockwise quarter turns in a placement, None where it is skewed or mirrored. Downwards is positive in it."""
    a, b, c, d = matrix.a, matrix.b, matrix.c, matrix.d
    slack = _SKEW_TOLERANCE * max(abs(a), abs(b), abs(c), abs(d))
    if abs(b) <= slack and abs(c) <= slack and a * d > 0:
        return 0 if a > 0 else 2
    if abs(a) <= slack and abs(d) <= slack and b * c < 0:
        return 1 if b > 0 else 3
    return None
