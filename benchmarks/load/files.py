"""Small documents of every format, each unlike any before."""

from __future__ import annotations

import io
import itertools
import os
from random import Random

from PIL import Image, ImageDraw, ImageFont

_NUMBERS = itertools.count(1)
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/tiff": "TIFF", "application/pdf": "PDF"}


def document(random: Random) -> tuple[bytes, str]:
    """Content and content type; TIFFs and PDFs have up to three pages."""
    media_type = random.choice(list(_FORMATS))
    several = media_type in {"image/tiff", "application/pdf"}
    pages = [_page(random) for _ in range(random.randint(1, 3) if several else 1)]
    content = io.BytesIO()
    more = {"save_all": True, "append_images": pages[1:]} if several else {}
    pages[0].save(content, _FORMATS[media_type], dpi=(200, 200), resolution=200, **more)
    return content.getvalue(), media_type


def truncated(random: Random) -> bytes:
    """A PNG that begins well and breaks off: it passes the sniffer and is rejected by intake."""
    content = io.BytesIO()
    _page(random).save(content, "PNG")
    return content.getvalue()[:120] + os.urandom(16)


def other_format() -> bytes:
    """A file that is no document here."""
    return b"GIF89a" + os.urandom(2_000)


def _page(random: Random) -> Image.Image:
    image = Image.new("L", (random.randint(400, 900), random.randint(90, 200)), 255)
    line = f"Amlodipine 5 mg, patient {next(_NUMBERS)}"
    ImageDraw.Draw(image).text((20, 30), line, fill=0, font=ImageFont.load_default(28))
    return image
