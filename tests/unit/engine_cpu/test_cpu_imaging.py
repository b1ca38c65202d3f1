"""Every stored format becomes the same grey picture; anything else is refused by name."""

import io

import numpy as np
import pytest
from PIL import Image

from ocr_pipeline.adapters.engines.cpu import imaging
from ocr_pipeline.domain.errors import PageUnreadable


def _page() -> Image.Image:
    image = Image.new("L", (120, 80), 255)
    image.paste(0, (20, 30, 60, 50))
    return image


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _deep(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image, np.uint16) * 257)


@pytest.mark.parametrize(
    "data",
    [
        _encoded(_page(), "PNG"),
        _encoded(_page().convert("1"), "PNG"),
        _encoded(_page().convert("P"), "PNG"),
        _encoded(_page().convert("RGB"), "JPEG", quality=95),
        _encoded(_page().convert("CMYK"), "JPEG", quality=95),
        _encoded(_page(), "TIFF"),
        _encoded(_page().convert("1"), "TIFF", compression="group4"),
        _encoded(_page().convert("CMYK"), "TIFF"),
        _encoded(_deep(_page()), "TIFF"),
        _encoded(_deep(_page()), "PNG"),
        _encoded(_page().convert("RGB"), "WEBP", lossless=True),
    ],
    ids=[
        "grey",
        "bilevel",
        "palette",
        "jpeg",
        "cmyk-jpeg",
        "tiff",
        "fax",
        "cmyk-tiff",
        "deep-tiff",
        "deep-png",
        "webp",
    ],
)
def test_every_format_gives_dark_ink_on_light_paper(data: bytes) -> None:
    grey = imaging.decode(data)
    assert grey.shape == (80, 120)
    assert grey.dtype == np.uint8
    assert grey[35:45, 25:55].max() < 40
    assert grey[:20].min() > 215


def test_transparency_is_paper() -> None:
    image = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (10, 10, 20, 20))
    grey = imaging.decode(_encoded(image, "PNG"))
    assert grey[0, 0] == 255
    assert grey[15, 15] == 0


def test_exif_turn_is_obeyed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = imaging.decode(_encoded(_page(), "JPEG", quality=95, exif=exif))
    assert grey.shape == (120, 80)


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image", _encoded(_page(), "PNG")[:60], _encoded(_page(), "BMP"), _encoded(_page(), "JPEG")[:200]],
    ids=["empty", "text", "cut-png", "bmp", "cut-jpeg"],
)
def test_what_is_no_page_image_is_unreadable(data: bytes) -> None:
    with pytest.raises(PageUnreadable):
        imaging.decode(data)


def test_too_many_pixels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imaging, "MAX_PIXELS", 1000)
    with pytest.raises(PageUnreadable, match="too many pixels"):
        imaging.decode(_encoded(_page(), "PNG"))


def test_ink_share_sees_text_and_ignores_grain() -> None:
    grain = np.random.default_rng(7).normal(230, 6, (800, 600)).clip(0, 255).astype(np.uint8)
    assert imaging.ink_share(grain) < 0.0003
    inked = grain.copy()
    for top in range(100, 700, 40):
        inked[top : top + 6, 80:500] = 20
    assert imaging.ink_share(inked) > 0.01


def test_pieces_are_found_apart_and_inside_one_another() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[10:50, 10:50] = 255
    mask[14:46, 14:46] = 0
    mask[25:30, 20:32] = 255
    mask[5, 60] = mask[6, 61] = 255
    assert imaging.pieces(mask) == [(60, 5, 2, 2), (10, 10, 40, 40), (20, 25, 12, 5)]


def test_empty_paper_holds_no_pieces() -> None:
    assert imaging.pieces(np.zeros((20, 20), np.uint8)) == []
