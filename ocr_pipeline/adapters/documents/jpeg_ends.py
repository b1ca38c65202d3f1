"""How much of a JPEG is missing.

Decoders finish a JPEG that ends early, marker and all, with blocks of one shade and without an error. Such an end can
be told from an honest margin: bytes put before the end marker change the picture only where a decoder still waits for
data.
"""

from __future__ import annotations

import io

from PIL import Image, ImageChops

from ocr_pipeline.adapters.documents.raster import varied_rows

MAX_LOST_SHARE = 0.02
"""Rows at the foot that may be missing: less than any margin, and some scanners round the height up."""

_END = b"\xff\xd9"
_FILLER = bytes(range(1, 0xF0)) * 256
_SMALL_SIDE = 256


def may_be_cut(image: Image.Image) -> bool:
    """Whether the rows at the foot of a decoded JPEG are each of one shade: they may be made up."""
    foot = image.crop((0, int(image.height * (1 - MAX_LOST_SHARE)), image.width, image.height))
    return varied_rows(foot.convert("L")) == (0, 0)


def lost_share(content: bytes) -> float:
    """The share of a JPEG's rows, from the foot, for which it holds no data. Raises what Pillow raises."""
    end = content.rfind(_END)
    body = content[:end] if end > 0 else content
    as_is, with_more = (_small(body + more + _END) for more in (b"", _FILLER))
    box = ImageChops.difference(as_is, with_more).getbbox()
    return 1 - box[1] / as_is.height if box else 0.0


def _small(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content), formats=("JPEG",))
    image.draft("L", (_SMALL_SIDE, _SMALL_SIDE))
    return image.convert("L")
