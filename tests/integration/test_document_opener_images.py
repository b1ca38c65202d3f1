"""Image files through the opener: what passes untouched, what is prepared and how, what is refused."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageOps, TiffImagePlugin

from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.opener import ChildProcessOpener
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.intake.sniff import sniff
from ocr_pipeline.ports.documents import OpenedPage
from tests.waiting import PATIENCE

LIMITS = OpenerLimits(
    max_pixels=300_000,
    max_side=4000,
    max_source_pixels=2_000_000,
    page_seconds=PATIENCE,
    document_seconds=PATIENCE,
)
ORIENTATION = 0x0112
OFF_UPRIGHT = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture(scope="module")
def opener() -> Iterator[ChildProcessOpener]:
    with ChildProcessOpener(LIMITS) as made:
        yield made


def pages_of(opener: ChildProcessOpener, content: bytes) -> list[OpenedPage]:
    with opener.open(content, sniff(content)) as document:
        pages = list(document.pages)
    assert [page.number for page in pages] == list(range(1, document.page_count + 1))
    return pages


def only_page(opener: ChildProcessOpener, content: bytes) -> OpenedPage:
    (page,) = pages_of(opener, content)
    assert page.image is not None
    return page


def decoded(page: OpenedPage) -> Image.Image:
    assert page.image is not None
    image = Image.open(io.BytesIO(page.image.data))
    assert image.size == (page.image.width, page.image.height)
    assert Image.MIME[str(image.format)] == page.image.media_type
    image.load()
    return image


def refusal_of(opener: ChildProcessOpener, content: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        pages_of(opener, content)
    return caught.value


def sheet(width: int = 400, height: int = 300) -> Image.Image:
    """A picture that no turn leaves as it is, in shades that JPEG keeps."""
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 2, height // 4), fill=0)
    draw.rectangle((width // 2, height // 2, width - 20, height - 20), fill=120)
    return image


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def difference(one: Image.Image, other: Image.Image) -> float:
    """The largest difference between small means of two pictures, of 255."""
    assert one.size == other.size
    apart = ImageChops.difference(one.convert("L").reduce(8), other.convert("L").reduce(8))
    return float(apart.getextrema()[1])


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_a_plain_png_passes_byte_for_byte(opener: ChildProcessOpener, mode: str) -> None:
    content = encoded(sheet().convert(mode), "PNG", dpi=(300, 300))
    page = only_page(opener, content)
    assert page.passed_through
    assert page.image is not None
    assert page.image.data == content
    assert page.image.dpi == pytest.approx(300, abs=0.1)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_plain_jpeg_passes_byte_for_byte(opener: ChildProcessOpener, mode: str) -> None:
    content = encoded(sheet().convert(mode), "JPEG", progressive=mode == "RGB", dpi=(200, 200))
    page = only_page(opener, content)
    assert page.passed_through
    assert page.image is not None
    assert (page.image.data, page.image.media_type, page.image.dpi) == (content, "image/jpeg", 200.0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF"])
def test_orientation_tags_are_applied(opener: ChildProcessOpener, name: str, orientation: int) -> None:
    turn = OFF_UPRIGHT[orientation]
    stored = sheet() if turn is None else sheet().transpose(turn)
    if name == "TIFF":
        content = encoded(stored, name, tiffinfo={ORIENTATION: orientation})
    else:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        content = encoded(stored, name, exif=exif)
    page = only_page(opener, content)
    assert difference(decoded(page), sheet()) <= 4
    assert page.passed_through is (orientation == 1 and name != "TIFF")
    assert ORIENTATION not in decoded(page).getexif() or orientation == 1


def test_a_large_image_is_reduced_to_the_budget(opener: ChildProcessOpener) -> None:
    for name in ("PNG", "JPEG", "TIFF"):
        page = only_page(opener, encoded(sheet(1200, 900), name, dpi=(300, 300)))
        image = decoded(page)
        assert 0.98 * LIMITS.max_pixels < image.width * image.height <= LIMITS.max_pixels
        assert difference(image, sheet(1200, 900).resize(image.size, Image.Resampling.BOX)) <= 12
        assert not page.passed_through
        assert page.image is not None
        assert page.image.dpi == pytest.approx(300 * image.width / 1200, abs=1)


def test_a_long_strip_is_bounded_by_its_side(opener: ChildProcessOpener) -> None:
    image = decoded(only_page(opener, encoded(Image.new("L", (8000, 60), 255), "PNG")))
    assert image.size == (4000, 30)


def test_transparency_is_laid_on_white(opener: ChildProcessOpener) -> None:
    clear = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 200, 75))
    palette = sheet().convert("P")
    palette.info["transparency"] = 255
    for image in (clear, clear.convert("LA"), palette):
        page = only_page(opener, encoded(image, "PNG"))
        result = decoded(page)
        assert not page.passed_through
        assert result.getpixel((5, 5)) == 0
        assert result.getpixel((395, 5)) == 255


def test_cmyk_becomes_grey(opener: ChildProcessOpener) -> None:
    for name in ("JPEG", "TIFF"):
        page = only_page(opener, encoded(sheet().convert("RGB").convert("CMYK"), name))
        assert not page.passed_through
        assert difference(decoded(page), sheet()) <= 8


@pytest.mark.parametrize("peak", [65535, 4095, 255])
@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_deep_greys_use_their_whole_range(opener: ChildProcessOpener, name: str, peak: int) -> None:
    deep = sheet().convert("I").point(lambda value: value * (peak / 255)).convert("I;16")
    page = only_page(opener, encoded(deep, name))
    assert not page.passed_through
    assert decoded(page).mode == "L"
    assert difference(decoded(page), sheet()) <= 2


def test_deep_greys_with_white_as_zero_are_inverted(opener: ChildProcessOpener) -> None:
    deep = ImageOps.invert(sheet()).convert("I").point(lambda value: value * 257).convert("I;16")
    content = bytearray(encoded(deep, "TIFF", tiffinfo={262: 0}))
    tag = struct.pack("<HHI", 262, 3, 1)
    at = content.index(tag) + len(tag)
    content[at : at + 2] = b"\x00\x00"
    assert difference(decoded(only_page(opener, bytes(content))), sheet()) <= 2


def test_a_blank_image_is_a_page_like_any_other(opener: ChildProcessOpener) -> None:
    for mode in ("1", "L", "I;16"):
        page = only_page(opener, encoded(Image.new(mode, (300, 300), 255), "PNG"))
        assert page.problem is None


def test_every_tiff_frame_is_a_page(opener: ChildProcessOpener) -> None:
    frames = [sheet(), sheet().convert("1"), sheet(300, 400).convert("RGB")]
    content = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:], compression="tiff_deflate")
    pages = pages_of(opener, content)
    assert [decoded(page).mode for page in pages] == ["L", "1", "L"]
    for page, frame in zip(pages, frames, strict=True):
        assert difference(decoded(page), frame) <= 2


@pytest.mark.parametrize("compression", ["group3", "group4", "packbits", "tiff_lzw"])
def test_bilevel_tiffs_stay_bilevel(opener: ChildProcessOpener, compression: str) -> None:
    bilevel = sheet().convert("1")
    result = decoded(only_page(opener, encoded(bilevel, "TIFF", compression=compression)))
    assert result.mode == "1"
    assert ImageChops.difference(result.convert("L"), bilevel.convert("L")).getbbox() is None


def test_fax_pixels_are_made_square(opener: ChildProcessOpener) -> None:
    squashed = sheet(408, 300).resize((408, 144), Image.Resampling.NEAREST)
    page = only_page(opener, encoded(squashed, "TIFF", dpi=(204, 98)))
    assert decoded(page).size == (408, 300)
    assert page.image is not None
    assert page.image.dpi == pytest.approx(204)
    assert difference(decoded(page), sheet(408, 300)) <= 40


def test_too_many_frames_are_refused(opener: ChildProcessOpener) -> None:
    frames = [Image.new("1", (40, 40), 1)] * (LIMITS.max_pages + 1)
    content = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    refusal = refusal_of(opener, content)
    assert (refusal.reason, refusal.limit) == (RefusalReason.TOO_MANY_PAGES, "max_pages=20")
    assert len(pages_of(opener, encoded(frames[0], "TIFF", save_all=True, append_images=frames[2:]))) == 20


def test_a_chain_of_frames_that_loops_ends(opener: ChildProcessOpener) -> None:
    content = bytearray(encoded(sheet(), "TIFF", save_all=True, append_images=[sheet()]))
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    (second,) = struct.unpack_from("<I", content, first + 2 + 12 * entries)
    (entries,) = struct.unpack_from("<H", content, second)
    struct.pack_into("<I", content, second + 2 + 12 * entries, first)
    assert len(pages_of(opener, bytes(content))) == 2


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_cut_files_are_refused_not_read_halfway(opener: ChildProcessOpener, name: str, share: float) -> None:
    noise = Image.frombytes("L", (400, 300), random.Random(7).randbytes(120_000))
    options = {"compression": "tiff_lzw"} if name == "TIFF" else {}
    content = encoded(noise, name, **options)
    assert refusal_of(opener, content[: int(len(content) * share)]).reason == RefusalReason.MALFORMED


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_jpeg_that_ends_early_is_refused(opener: ChildProcessOpener, share: float) -> None:
    noise = Image.frombytes("L", (400, 300), random.Random(7).randbytes(120_000))
    for image in (noise, noise.convert("RGB"), noise.resize((1200, 900))):
        content = encoded(image, "JPEG")
        early = content[: int(len(content) * share)] + b"\xff\xd9"
        assert refusal_of(opener, early).reason == RefusalReason.MALFORMED


def test_a_jpeg_with_an_honest_margin_or_a_tail_passes(opener: ChildProcessOpener) -> None:
    for shade in (255, 250, 128, 0):
        content = encoded(ImageOps.expand(sheet(400, 200), border=(0, 0, 0, 100), fill=shade), "JPEG")
        for tail in (b"", b"\x00" * 500, b"appended by a scanner"):
            page = only_page(opener, content + tail)
            assert page.passed_through
            assert page.image is not None
            assert page.image.data == content + tail


def test_a_damaged_bilevel_tiff_is_refused(opener: ChildProcessOpener) -> None:
    noise = Image.frombytes("1", (400, 300), random.Random(7).randbytes(15_000))
    for compression in ("group3", "group4"):
        content = bytearray(encoded(noise, "TIFF", compression=compression, strip_size=1_000_000))
        with Image.open(io.BytesIO(content)) as image:
            assert isinstance(image, TiffImagePlugin.TiffImageFile)
            start, size = image.tag_v2[273][0], image.tag_v2[279][0]
        half = size // 2
        content[start + half : start + size] = random.Random(3).randbytes(size - half)
        assert refusal_of(opener, bytes(content)).reason == RefusalReason.MALFORMED


def test_one_damaged_frame_spoils_only_its_page(opener: ChildProcessOpener) -> None:
    noise = Image.frombytes("L", (400, 300), random.Random(7).randbytes(120_000))
    content = bytearray(encoded(sheet(), "TIFF", save_all=True, append_images=[noise, sheet()], compression="tiff_lzw"))
    with Image.open(io.BytesIO(content)) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        image.seek(1)
        start = image.tag_v2[273][0]
    content[start : start + 20_000] = b"\xff" * 20_000
    pages = pages_of(opener, bytes(content))
    assert [page.problem for page in pages] == [None, "not_rendered", None]
    assert pages[1].image is None


def test_size_is_checked_before_anything_is_decoded(opener: ChildProcessOpener) -> None:
    content = bytearray(encoded(sheet(), "PNG"))
    struct.pack_into(">II", content, 16, 60_000, 60_000)
    struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    for bomb in (bytes(content), encoded(Image.new("1", (2000, 1001)), "PNG")):
        refusal = refusal_of(opener, bomb)
        assert (refusal.reason, refusal.limit) == (RefusalReason.DECOMPRESSION_BOMB, "max_source_pixels=2000000")


def test_a_large_frame_after_a_small_one_is_a_bomb_too(opener: ChildProcessOpener) -> None:
    large = Image.new("1", (2000, 1001))
    content = encoded(sheet(), "TIFF", save_all=True, append_images=[large])
    assert refusal_of(opener, content).reason == RefusalReason.DECOMPRESSION_BOMB


def test_specks_are_refused(opener: ChildProcessOpener) -> None:
    for size in ((1, 1), (15, 400), (4000, 15)):
        refusal = refusal_of(opener, encoded(Image.new("L", size), "PNG"))
        assert (refusal.reason, refusal.limit) == (RefusalReason.IMAGE_TOO_SMALL, "min_side=16")


def test_what_only_looks_like_an_image_is_refused(opener: ChildProcessOpener) -> None:
    for head in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\x00", b"MM\x00*"):
        for tail in (b"", b"\x00" * 64, b"\xff" * 64, random.Random(1).randbytes(500)):
            assert refusal_of(opener, head + tail).reason == RefusalReason.MALFORMED


def test_bytes_of_another_format_than_promised_are_refused(opener: ChildProcessOpener) -> None:
    with pytest.raises(Refused) as caught, opener.open(encoded(sheet(), "PNG"), MediaType.JPEG) as document:
        list(document.pages)
    assert caught.value.reason == RefusalReason.MALFORMED
