"""PDF files through the opener: scans taken out, pages drawn, missing content told, bombs and loops stopped."""

import io
import random
import zlib
from collections.abc import Iterator

import pymupdf
import pytest
from PIL import Image, ImageChops, ImageDraw

from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.opener import ChildProcessOpener
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.ports.documents import OpenedPage
from tests.waiting import PATIENCE

LIMITS = OpenerLimits(page_seconds=PATIENCE, document_seconds=PATIENCE)
LETTER = (612, 792)
GREY = "/Width 850 /Height 1100 /BitsPerComponent 8 /ColorSpace /DeviceGray"


@pytest.fixture(scope="module")
def opener() -> Iterator[ChildProcessOpener]:
    with ChildProcessOpener(LIMITS) as made:
        yield made


def pages_of(opener: ChildProcessOpener, content: bytes) -> list[OpenedPage]:
    with opener.open(content, MediaType.PDF) as document:
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
    image.load()
    return image


def refusal_of(opener: ChildProcessOpener, content: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        pages_of(opener, content)
    return caught.value


def sheet(width: int = 850, height: int = 1100) -> Image.Image:
    """A picture that no turn leaves as it is."""
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, width // 2, height // 4), fill=0)
    draw.rectangle((width // 2, height // 2, width - 20, height - 20), fill=120)
    return image


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def scan_page(image: bytes, filters: str, entries: str, *, rotate: int = 0, before: str = "", after: str = "") -> bytes:
    """A letter page with one image over all of it, and other drawing instructions before or after."""
    content = f"{before} q {LETTER[0]} 0 0 {LETTER[1]} 0 0 cm /Im Do Q {after}".encode()
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {LETTER[0]} {LETTER[1]}] /Rotate {rotate} /Contents 4 0 R"
        " /Resources << /XObject << /Im 5 0 R >> /Font << /F 6 0 R >> >> >>".encode(),
        stream(content),
        stream(image, f"/Type /XObject /Subtype /Image {entries} {filters}"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )


def jpeg_page(image: Image.Image, *, rotate: int = 0, before: str = "", after: str = "", extra: str = "") -> bytes:
    colours = {"L": "/DeviceGray", "RGB": "/DeviceRGB", "CMYK": "/DeviceCMYK"}[image.mode]
    entries = f"/Width {image.width} /Height {image.height} /BitsPerComponent 8 /ColorSpace {colours} {extra}"
    return scan_page(jpeg(image), "/Filter /DCTDecode", entries, rotate=rotate, before=before, after=after)


def stream(data: bytes, entries: str = "") -> bytes:
    return f"<< /Length {len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


def pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1, the first of them the catalogue."""
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return out.getvalue()


def drawn_page(content: bytes, resources: str = "", *others: bytes, box: str = "0 0 612 792", extra: str = "") -> bytes:
    """A page of drawing instructions; `others` are objects 5 and on."""
    entries = f"/MediaBox [{box}] /Contents 4 0 R /Resources << {resources} >> {extra}"
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R {entries} >>".encode(),
        content,
        *others,
    )


def written(pages: int = 1, text: str = "Amoxicillin 500 mg three times a day") -> pymupdf.Document:
    document = pymupdf.open()
    for number in range(pages):
        document.new_page(width=595, height=842).insert_text((72, 100), f"{text} {number}" if text else "")
    return document


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_scan_passes_byte_for_byte(opener: ChildProcessOpener, mode: str) -> None:
    page = only_page(opener, jpeg_page(sheet().convert(mode)))
    assert page.image is not None
    assert page.passed_through
    assert page.image.data == jpeg(sheet().convert(mode))
    assert page.image.dpi == pytest.approx(100, abs=0.1)


def test_a_jpeg_in_a_flate_stream_passes_too(opener: ChildProcessOpener) -> None:
    packed = zlib.compress(jpeg(sheet()))
    page = only_page(opener, scan_page(packed, "/Filter [/FlateDecode /DCTDecode]", GREY))
    assert page.image is not None
    assert (page.passed_through, page.image.data) == (True, jpeg(sheet()))


@pytest.mark.parametrize(
    ("rotate", "turn"),
    [(90, Image.Transpose.ROTATE_270), (180, Image.Transpose.ROTATE_180), (270, Image.Transpose.ROTATE_90)],
)
def test_turned_pages_come_upright(opener: ChildProcessOpener, rotate: int, turn: Image.Transpose) -> None:
    raw = zlib.compress(sheet().tobytes())
    for content in (jpeg_page(sheet(), rotate=rotate), scan_page(raw, "/Filter /FlateDecode", GREY, rotate=rotate)):
        page = only_page(opener, content)
        assert not page.passed_through
        assert page.image is not None
        assert page.image.dpi == pytest.approx(100, abs=0.2)
        expected = sheet().transpose(turn)
        result = decoded(page)
        assert abs(result.width - expected.width) <= 1
        assert abs(result.height - expected.height) <= 1
        assert alike(result, expected)


def test_an_image_that_is_placed_turned_comes_upright(opener: ChildProcessOpener) -> None:
    turned = sheet().transpose(Image.Transpose.ROTATE_90)
    placed = b"q 0 -792 612 0 0 792 cm /Im Do Q"
    entries = f"/Width {turned.width} /Height {turned.height} /BitsPerComponent 8 /ColorSpace /DeviceGray"
    image = stream(jpeg(turned), f"/Type /XObject /Subtype /Image {entries} /Filter /DCTDecode")
    page = only_page(opener, drawn_page(stream(placed), "/XObject << /Im 5 0 R >>", image))
    assert alike(decoded(page), sheet())


def test_the_orientation_tag_of_a_jpeg_in_a_pdf_means_nothing(opener: ChildProcessOpener) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    speck = Image.new("L", (850, 1100), 255)  # the same from afar whichever way up
    speck.paste(0, (40, 40, 48, 48))
    page = only_page(opener, scan_page(jpeg(speck, exif=exif), "/Filter /DCTDecode", GREY))
    assert not page.passed_through
    assert 0x0112 not in decoded(page).getexif()
    assert decoded(page).getpixel((44, 44)) < 50


@pytest.mark.parametrize(
    "change",
    [
        {"after": "BT /F 7 Tf 72 400 Td (NKDA) Tj ET"},
        {"after": "0 g 100 100 200 50 re f"},
        {"before": "0 0 612 396 re W n"},
        {"extra": "/Decode [1 0]"},
        {"extra": "/Decode [0 0.5]"},
    ],
)
def test_a_scan_that_looks_different_on_its_page_is_drawn(opener: ChildProcessOpener, change: dict[str, str]) -> None:
    content = jpeg_page(sheet(), **change)
    page = only_page(opener, content)
    assert not page.passed_through
    with pymupdf.open(stream=content, filetype="pdf") as document:
        pixmap = document[0].get_pixmap(dpi=100, colorspace=pymupdf.csGRAY)
        shown = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
    assert alike(decoded(page).resize(shown.size), shown)


def test_what_lies_under_a_scan_or_is_invisible_does_not_matter(opener: ChildProcessOpener) -> None:
    ground = "1 g 0 0 612 792 re f BT /F 12 Tf 72 72 Td (under the scan) Tj ET"
    layer = "BT 3 Tr /F 12 Tf 72 700 Td (Amoxicillin 500 mg three times a day) Tj ET"
    page = only_page(opener, jpeg_page(sheet(), before=ground, after=layer))
    assert page.passed_through
    assert page.text_layer is not None
    assert "Amoxicillin 500 mg three times a day" in page.text_layer


def test_cmyk_scans_are_drawn(opener: ChildProcessOpener) -> None:
    page = only_page(opener, jpeg_page(sheet().convert("RGB").convert("CMYK")))
    assert not page.passed_through
    assert decoded(page).mode == "L"


def test_fax_images_are_unpacked_pixel_for_pixel(opener: ChildProcessOpener) -> None:
    bilevel = sheet().convert("1")
    buffer = io.BytesIO()
    bilevel.save(buffer, "TIFF", compression="group4", strip_size=1_000_000)
    with Image.open(buffer) as tiff:
        offsets, counts = tiff.tag_v2[273], tiff.tag_v2[279]
        black_is_zero = tiff.tag_v2[262] == 1
    data = b"".join(buffer.getvalue()[at : at + count] for at, count in zip(offsets, counts, strict=True))
    assert len(offsets) == 1
    entries = "/Width 850 /Height 1100 /BitsPerComponent 1 /ColorSpace /DeviceGray"
    parameters = f"/DecodeParms << /K -1 /Columns 850 /Rows 1100 /BlackIs1 {'true' if black_is_zero else 'false'} >>"
    page = only_page(opener, scan_page(data, f"/Filter /CCITTFaxDecode {parameters}", entries))
    result = decoded(page)
    assert (result.mode, page.passed_through) == ("1", False)
    assert ImageChops.difference(result.convert("L"), bilevel.convert("L")).getbbox() is None


def test_a_scan_over_the_budget_is_reduced(opener: ChildProcessOpener) -> None:
    page = only_page(opener, jpeg_page(sheet(2550, 3300)))
    result = decoded(page)
    assert 0.98 * LIMITS.max_pixels < result.width * result.height <= LIMITS.max_pixels
    assert page.image is not None
    assert page.image.dpi == pytest.approx(result.width / 8.5, abs=0.5)
    assert alike(result, sheet(2550, 3300).resize(result.size, Image.Resampling.BOX))


def test_written_pages_are_drawn_with_their_text(opener: ChildProcessOpener) -> None:
    pages = pages_of(opener, written(3).tobytes())
    assert [page.text_layer for page in pages] == [f"Amoxicillin 500 mg three times a day {n}" for n in range(3)]
    for page in pages:
        assert page.image is not None
        assert (page.image.media_type, page.image.dpi) == ("image/png", 200.0)
        assert decoded(page).size in {(1653, 2339), (1653, 2340)}


def test_a_large_sheet_is_drawn_within_the_budget(opener: ChildProcessOpener) -> None:
    for width, height in ((3370, 2384), (14_000, 300), (1191, 842)):
        document = pymupdf.open()
        document.new_page(width=width, height=height).draw_rect((10, 10, 290, 290))
        result = decoded(only_page(opener, document.tobytes()))
        assert result.width * result.height <= LIMITS.max_pixels
        assert max(result.size) <= LIMITS.max_side
        assert result.width / result.height == pytest.approx(width / height, rel=0.02)


def test_the_number_of_pages_is_bounded(opener: ChildProcessOpener) -> None:
    assert len(pages_of(opener, written(20, text="").tobytes())) == 20
    refusal = refusal_of(opener, written(21, text="").tobytes())
    assert (refusal.reason, refusal.limit) == (RefusalReason.TOO_MANY_PAGES, "max_pages=20")


def test_a_page_with_nothing_on_it_is_a_page(opener: ChildProcessOpener) -> None:
    blank = Image.new("L", (850, 1100), 255)
    for content in (
        written(1, text="").tobytes(),
        drawn_page(stream(b"1 g 0 0 612 792 re f")),
        jpeg_page(blank),
        jpeg_page(Image.new("L", (2550, 3300), 255)),
    ):
        result = decoded(only_page(opener, content))
        assert result.getextrema() == (255, 255)


@pytest.mark.parametrize(
    "content",
    [
        drawn_page(stream(b"q 612 0 0 792 0 0 cm /Gone Do Q")),
        drawn_page(stream(b"q 612 0 0 792 0 0 cm /Im Do Q"), "/XObject << /Im 99 0 R >>"),
        drawn_page(
            stream(b"1 g BT /F 20 Tf 72 700 Td (white on white) Tj ET"),
            "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>",
        ),
        drawn_page(stream(b"\x01\x02\x03 damaged", "/Filter /FlateDecode")),
        scan_page(
            b"no data", "/Filter /JBIG2Decode", "/Width 850 /Height 1100 /BitsPerComponent 1 /ColorSpace /DeviceGray"
        ),
        scan_page(
            b"no data", "/Filter /DCTDecode", "/Width 850 /Height 1100 /BitsPerComponent 8 /ColorSpace /DeviceGray"
        ),
        jpeg_page(sheet(), after="1 g 0 0 612 792 re f"),
    ],
    ids=["no-resource", "no-object", "white-text", "bad-stream", "bad-jbig2", "bad-jpeg", "covered"],
)
def test_content_that_does_not_show_is_refused_as_blank(opener: ChildProcessOpener, content: bytes) -> None:
    assert refusal_of(opener, content).reason == RefusalReason.BLANK_RENDER


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_scan_is_refused_not_read_halfway(opener: ChildProcessOpener, share: float) -> None:
    noise = Image.frombytes("L", (850, 1100), random.Random(5).randbytes(850 * 1100))
    whole = {"/Filter /DCTDecode": jpeg(noise), "/Filter /FlateDecode": zlib.compress(noise.tobytes())}
    for filters, data in whole.items():
        refusal = refusal_of(opener, scan_page(data[: int(len(data) * share)], filters, GREY))
        assert refusal.reason == RefusalReason.MALFORMED, filters


def test_a_scan_that_ends_early_is_refused(opener: ChildProcessOpener) -> None:
    noise = Image.frombytes("L", (850, 1100), random.Random(5).randbytes(850 * 1100))
    early = jpeg(noise)[:300_000] + b"\xff\xd9"
    for header in ("", "BT /F 24 Tf 72 700 Td (Hospital) Tj ET"):
        content = scan_page(early, "/Filter /DCTDecode", GREY, after=header)
        assert refusal_of(opener, content).reason == RefusalReason.MALFORMED


def test_a_problem_page_does_not_spoil_the_others(opener: ChildProcessOpener) -> None:
    document = pymupdf.open(stream=drawn_page(stream(b"q 9 0 0 9 0 0 cm /Gone Do Q")), filetype="pdf")
    document.insert_pdf(written())
    document.insert_pdf(pymupdf.open(stream=drawn_page(stream(b"/Gone Do")), filetype="pdf"))
    pages = pages_of(opener, document.tobytes())
    assert [page.problem for page in pages] == ["blank_render", None, "blank_render"]
    assert [page.image is None for page in pages] == [True, False, True]


def test_passwords(opener: ChildProcessOpener) -> None:
    for method in (pymupdf.PDF_ENCRYPT_RC4_40, pymupdf.PDF_ENCRYPT_RC4_128, pymupdf.PDF_ENCRYPT_AES_256):
        asked = written().tobytes(encryption=method, user_pw="secret", owner_pw="owner")
        assert refusal_of(opener, asked).reason == RefusalReason.ENCRYPTED_PDF
        owned = written().tobytes(encryption=method, owner_pw="owner")
        assert only_page(opener, owned).text_layer is not None


def test_no_pages(opener: ChildProcessOpener) -> None:
    empty = pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>")
    assert refusal_of(opener, empty).reason == RefusalReason.NO_PAGES


def test_damaged_structure_is_malformed(opener: ChildProcessOpener) -> None:
    whole = written().tobytes()
    for content in (b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\x00" * 500, whole[:200], whole[: len(whole) // 3]):
        assert refusal_of(opener, content).reason == RefusalReason.MALFORMED


def test_a_page_tree_that_loops_is_malformed(opener: ChildProcessOpener) -> None:
    tree = pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>")
    assert refusal_of(opener, tree).reason in {RefusalReason.MALFORMED, RefusalReason.NO_PAGES}


def test_boxes_are_bounded(opener: ChildProcessOpener) -> None:
    for box in ("0 0 14401 100", "0 0 1000000000 1000000000"):
        refusal = refusal_of(opener, drawn_page(stream(b""), box=box))
        assert (refusal.reason, refusal.limit) == (RefusalReason.PAGE_TOO_LARGE, "max_page_points=14400")
    scaled = refusal_of(opener, drawn_page(stream(b""), extra="/UserUnit 1000"))
    assert scaled.reason == RefusalReason.PAGE_TOO_LARGE
    assert refusal_of(opener, drawn_page(stream(b""), box="0 0 4 4")).reason == RefusalReason.IMAGE_TOO_SMALL


def test_bombs_are_refused(opener: ChildProcessOpener) -> None:
    instructions = stream(zlib.compress(b"q Q " * 20_000_000, 9), "/Filter /FlateDecode")
    entries = "/Width 60000 /Height 60000 /BitsPerComponent 1 /ColorSpace /DeviceGray"
    image = scan_page(zlib.compress(b"\x00" * 10_000), "/Filter /FlateDecode", entries)
    for content, limit in (
        (drawn_page(instructions), "max_content_bytes=67108864"),
        (image, "max_source_pixels=100000000"),
    ):
        refusal = refusal_of(opener, content)
        assert (refusal.reason, refusal.limit) == (RefusalReason.DECOMPRESSION_BOMB, limit)


def test_an_xref_bomb_is_refused(opener: ChildProcessOpener) -> None:
    table = zlib.compress(b"\x00" * 60_000_000, 9)
    head = b"%PDF-1.5\n"
    entries = "/Type /XRef /Size 99999999 /W [1 1 1] /Root 1 0 R /Filter /FlateDecode"
    content = head + b"1 0 obj\n" + stream(table, entries) + b"\nendobj\nstartxref\n%d\n%%%%EOF" % len(head)
    assert refusal_of(opener, content).reason in {
        RefusalReason.MALFORMED,
        RefusalReason.OUT_OF_MEMORY,
        RefusalReason.TOO_SLOW,
    }


def test_a_form_that_draws_itself_ends(opener: ChildProcessOpener) -> None:
    form = stream(
        b"0 g 10 10 580 770 re f /Fm Do",
        "/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /Fm 5 0 R >> >>",
    )
    content = drawn_page(stream(b"/Fm Do"), "/XObject << /Fm 5 0 R >>", form)
    assert len(pages_of(opener, content)) == 1


def alike(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures show the same, seen from afar."""
    far = [image.convert("L").resize((34, 44), Image.Resampling.BOX) for image in (one, other)]
    return bool(ImageChops.difference(*far).getextrema()[1] <= 24)
