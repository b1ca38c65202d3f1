"""One encoded image as a page.

A PNG or JPEG that needs nothing done passes through byte for byte, once it has been decoded to the end. Everything else
is turned, flattened, reduced and encoded anew (see `raster`). An image of which a part is missing is no page: neither
libjpeg nor libtiff calls that an error, so this looks for itself.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin

from ocr_pipeline.adapters.documents.grumbles import Grumbles
from ocr_pipeline.adapters.documents.jpeg_ends import MAX_LOST_SHARE, lost_share, may_be_cut
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.raster import DEEP_MODES, encode, fitted_size, grey, resized, squared_size
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.ports.engine import PageImage

PLUGINS = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin)
"""Imported here so that Pillow finds nothing left to load later; the formats below are the only ones it may try."""

DECODE_ERRORS = (OSError, SyntaxError, ValueError, TypeError, ArithmeticError, LookupError, EOFError, struct.error)
"""What Pillow raises on damaged files."""

_FORMATS = {MediaType.PNG: "PNG", MediaType.JPEG: "JPEG", MediaType.TIFF: "TIFF"}
_PLAIN_MODES = {MediaType.PNG: frozenset({"1", "L", "RGB", "P"}), MediaType.JPEG: frozenset({"L", "RGB"})}
_PNG_DEPTH_AT = 24
_MAX_PNG_DEPTH = 8
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Orientation tags (Exif 2.3, 4.6.4) and the turn that undoes each."""
_UPRIGHT = 1
_SIDEWAYS = frozenset({5, 6, 7, 8})

_NOISY_LINES = 0.01
"""The share of lines that may be damaged where a damaged line spoils no other, as on a noisy telephone line."""
_LINE_BY_LINE = frozenset({"group3", "tiff_ccitt"})


class CutShort(OSError):
    """A part of an image is missing, though it decodes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image whose header has been read and whose size is within bounds; `content` is the file it came from."""

    image: Image.Image
    content: bytes
    media_type: MediaType
    limits: OpenerLimits

    @classmethod
    def open(cls, content: bytes, media_type: MediaType, limits: OpenerLimits) -> Picture:
        """Read the header. Raises Refused with `decompression_bomb`, and what Pillow raises."""
        try:
            image = Image.open(io.BytesIO(content), formats=(_FORMATS[media_type],))
        except Image.DecompressionBombError:
            raise _bomb() from None
        picture = cls(image, content, media_type, limits)
        picture.check_size()
        return picture

    def check_size(self) -> None:
        """Raise Refused with `decompression_bomb` for more pixels than may be decoded."""
        if self.image.width * self.image.height > self.limits.max_source_pixels:
            raise _bomb()

    @property
    def is_tagged_turned(self) -> bool:
        """Whether the file's own orientation tag asks for a turn."""
        return self._tag(ExifTags.Base.Orientation) in _TURNS

    def page(self, grumbles: Grumbles, turn: Image.Transpose | None = None) -> tuple[PageImage, bool]:
        """Decode and prepare as a page, upright by the orientation tag, then turned by `turn`.

        Returns the page image, and whether it is `content` itself. Raises Refused with `image_too_small`, CutShort,
        and what Pillow raises.
        """
        image = self.image
        turns = [step for step in (self._own_turn(), turn) if step is not None]
        wide, high, dpi = squared_size(*image.size, self._resolution())
        size = fitted_size(wide, high, self.limits)
        if min(size) < self.limits.min_side:
            raise Refused(RefusalReason.IMAGE_TOO_SMALL, "the image is too small", limit="min_side")
        if not turns and size == image.size and self._is_plain():
            self._decode(grumbles)
            return PageImage(self.content, self.media_type.value, *size, dpi), True
        if self.media_type is MediaType.JPEG:
            image.draft("L", size)
        inverted = self._is_inverted()
        self._decode(grumbles)
        page = grey(resized(image, size))
        if inverted:
            page = ImageOps.invert(page)
        for step in turns:
            page = page.transpose(step)
        return encode(page, dpi and dpi * size[0] / wide, lossy=self.media_type is MediaType.JPEG), False

    def _decode(self, grumbles: Grumbles) -> None:
        grumbles.take()
        line_by_line = self.image.info.get("compression") in _LINE_BY_LINE
        self.image.load()
        if self.media_type is MediaType.JPEG:
            if may_be_cut(self.image) and lost_share(self.content) > MAX_LOST_SHARE:
                raise CutShort
        elif grumbles.take() > (_NOISY_LINES * self.image.height if line_by_line else 0):
            raise CutShort

    def _is_plain(self) -> bool:
        """Whether every recogniser reads the file the same way: 8 bits a channel at most, no transparency, no CMYK."""
        plain = _PLAIN_MODES.get(self.media_type, frozenset())
        if self.image.mode not in plain or self.image.has_transparency_data:
            return False
        return self.media_type is not MediaType.PNG or self.content[_PNG_DEPTH_AT] <= _MAX_PNG_DEPTH

    def _own_turn(self) -> Image.Transpose | None:
        """The turn that the orientation tag asks for. Pillow has turned a TIFF already when it gives its pixels."""
        return None if self.media_type is MediaType.TIFF else _TURNS.get(self._tag(ExifTags.Base.Orientation))

    def _resolution(self) -> tuple[float, float] | None:
        try:
            across, down = (float(axis) for axis in self.image.info["dpi"])
        except (KeyError, TypeError, ValueError, ArithmeticError):
            return None
        if self.media_type is MediaType.TIFF and self._tag(ExifTags.Base.Orientation) in _SIDEWAYS:
            return down, across
        return across, down

    def _is_inverted(self) -> bool:
        """Whether 0 means white in a TIFF of 16 or 32 bits; Pillow minds that tag in shallower ones only."""
        deep_tiff = self.media_type is MediaType.TIFF and self.image.mode in DEEP_MODES
        return deep_tiff and self._tag(ExifTags.Base.PhotometricInterpretation, 1) == 0

    def _tag(self, tag: int, default: int = _UPRIGHT) -> int:
        value = self.image.getexif().get(tag, default)
        return value if isinstance(value, int) else default


def _bomb() -> Refused:
    return Refused(RefusalReason.DECOMPRESSION_BOMB, "the image is too large to decode", limit="max_source_pixels")
