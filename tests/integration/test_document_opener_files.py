"""Files from outside the project: bad inputs end as expected, good ones give the pages they have."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.opener import ChildProcessOpener
from ocr_pipeline.adapters.documents.request import ChildExit
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.intake.sniff import sniff
from ocr_pipeline.ports.documents import OpenedPage
from tests.waiting import PATIENCE

DATA = Path(os.environ.get("OCR_TEST_DATA", "/nonexistent"))
LIMITS = OpenerLimits(page_seconds=PATIENCE, document_seconds=PATIENCE)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="OCR_TEST_DATA names no folder")

OK = "image"
LOST = "not_rendered"
BAD: dict[str, RefusalReason | list[str]] = {
    "artur_encrypted.pdf": RefusalReason.ENCRYPTED_PDF,
    "made_1x1.png": RefusalReason.IMAGE_TOO_SMALL,
    "made_5000_pages.pdf": RefusalReason.TOO_MANY_PAGES,
    "made_flate_bomb_200MB.pdf": RefusalReason.DECOMPRESSION_BOMB,
    "made_html_named.png": RefusalReason.UNSUPPORTED_FORMAT,
    "made_name_korean_처방전 (1).pdf": [OK],
    "made_page_200000pt.pdf": RefusalReason.PAGE_TOO_LARGE,
    "made_png_lying_header.png": RefusalReason.DECOMPRESSION_BOMB,
    "made_zero_pages.pdf": RefusalReason.NO_PAGES,
    "made_zip_named.pdf": RefusalReason.UNSUPPORTED_FORMAT,
    "odl_fake-jpg.pdf": RefusalReason.MALFORMED,
    "odl_invalid_chars.pdf": [OK],
    "opf_corruptionOneByteMissing.pdf": [OK],
    "opf_externalLink.pdf": [OK],
    "opf_veraPDFHiResChangedHeight.pdf": [OK],
    "opf_veraPDFHiResWrongObjectID.pdf": RefusalReason.BLANK_RENDER,
    "pdfjs_PDFBOX-4352-0.pdf": RefusalReason.BLANK_RENDER,
    "pdfjs_REDHAT-1531897-0.pdf": RefusalReason.MALFORMED,
    "pdfjs_bomb_giant.pdf": RefusalReason.MALFORMED,  # three of its four content streams cannot be read
    "pdfjs_poppler-85140-0.pdf": RefusalReason.MALFORMED,
    "pdfjs_scan-bad.pdf": [OK],
    "pillow_crash-0c7e0e8e11ce787078f00b5b0ca409a167f070e0.tif": RefusalReason.MALFORMED,
    "pillow_decompression_bomb.gif": RefusalReason.UNSUPPORTED_FORMAT,
    "pillow_decompression_bomb_extents.gif": RefusalReason.UNSUPPORTED_FORMAT,
    "pillow_g4_orientation_5.tif": [OK],
    "pillow_hopper_orientation_6.jpg": [OK],
    "pillow_multipage_multiple_frame_loop.tiff": RefusalReason.IMAGE_TOO_SMALL,  # frames of 10 by 10 pixels
    "pillow_tiff_16bit_RGB.tiff": [OK],
    "pillow_tiff_overflow_rows_per_strip.tif": RefusalReason.MALFORMED,
    "pillow_total-pages-zero.tif": [OK, OK, OK],
    "pypdf_encrypted_no_id.pdf": [OK, OK, OK],
    "pypdf_r6_owner_only.pdf": [OK],
    "pypdf_r6_user.pdf": RefusalReason.ENCRYPTED_PDF,
    "qpdf_append-xref-loop.pdf": RefusalReason.MALFORMED,
    "qpdf_bad3.pdf": [OK],
    "qpdf_content-stream-errors.pdf": [LOST, OK, LOST, LOST],
    "qpdf_damaged-stream.pdf": [OK],
    "qpdf_deep-pages.pdf": RefusalReason.MALFORMED,
    "qpdf_issue-141a.pdf": RefusalReason.UNSUPPORTED_FORMAT,  # no PDF header in it
    "qpdf_issue-146.pdf": RefusalReason.MALFORMED,
    "qpdf_issue-149.pdf": [OK],
}


@pytest.fixture(scope="module")
def ended() -> list[ChildExit]:
    return []


@pytest.fixture(scope="module")
def opener(ended: list[ChildExit]) -> Iterator[ChildProcessOpener]:
    with ChildProcessOpener(LIMITS, ended.append) as made:
        yield made


def pages_of(opener: ChildProcessOpener, path: Path) -> list[OpenedPage]:
    content = path.read_bytes()
    with opener.open(content, sniff(content)) as document:
        return list(document.pages)


def decoded(page: OpenedPage) -> Image.Image:
    assert page.image is not None
    image = Image.open(io.BytesIO(page.image.data))
    image.load()
    assert image.size == (page.image.width, page.image.height)
    assert image.width * image.height <= LIMITS.max_pixels
    return image


def good(folder: str, kind: str) -> list[Path]:
    return sorted((DATA / folder).glob(f"*{kind}"))


def test_the_table_has_every_bad_input() -> None:
    manifest = (DATA / "bad_inputs" / "manifest.jsonl").read_text().splitlines()
    assert {json.loads(line)["file"] for line in manifest} == set(BAD)


@pytest.mark.parametrize("name", BAD)
def test_bad_inputs(opener: ChildProcessOpener, ended: list[ChildExit], name: str) -> None:
    ended.clear()
    outcome: str | list[str]
    try:
        outcome = [page.problem or OK for page in pages_of(opener, DATA / "bad_inputs" / name)]
    except Refused as refusal:
        outcome = refusal.reason
    assert outcome == BAD[name]
    assert all(one.code == 0 and one.peak_bytes <= LIMITS.memory_bytes for one in ended)


def test_scanned_pdfs_pass_through(opener: ChildProcessOpener) -> None:
    scans = [path for folder in ("korean", "medical") for path in good(folder, "_scan.pdf")]
    assert scans
    for path in scans:
        pages = pages_of(opener, path)
        with pymupdf.open(path) as document:
            images = [document.extract_image(page.get_images()[0][0])["image"] for page in document]
        assert [page.image and page.image.data for page in pages] == images, path.name
        for page in pages:
            assert page.passed_through
            assert page.text_layer is None
            assert page.image is not None
            assert page.image.dpi == pytest.approx(200, abs=1)


def test_faxed_pdfs_are_unpacked_without_loss(opener: ChildProcessOpener) -> None:
    faxes = [path for folder in ("korean", "medical") for path in good(folder, "_fax.pdf")]
    assert faxes
    for path in faxes:
        (page,) = pages_of(opener, path)
        with pymupdf.open(path) as document:
            pixmap = pymupdf.Pixmap(document, document[0].get_images()[0][0])
        image = decoded(page)
        assert image.mode == "1"
        assert image.convert("L").tobytes() == pixmap.samples, path.name


def test_written_pdfs_have_their_text(opener: ChildProcessOpener) -> None:
    written = [path for path in good("korean", ".pdf") + good("medical", ".pdf") if "_" not in path.stem[-6:]]
    assert written
    for path in written:
        with pymupdf.open(path) as document:
            count = document.page_count
        pages = pages_of(opener, path)
        assert len(pages) == count, path.name
        for page in pages:
            assert page.text_layer is not None, path.name
            assert not page.passed_through
            assert decoded(page).mode == "L"
            assert page.image is not None
            assert page.image.dpi == pytest.approx(200, abs=1)


@pytest.mark.parametrize("kind", ["ccitt", "jbig2", "skew", "rotated_skew"])
def test_bilevel_scans_at_300_dpi_are_reduced(opener: ChildProcessOpener, kind: str) -> None:
    (page,) = pages_of(opener, DATA / "english_scans" / f"ocrmypdf_{kind}.pdf")
    image = decoded(page)
    assert image.mode == "L"
    assert image.width * image.height > 0.85 * LIMITS.max_pixels
    assert image.width < image.height


def test_png_scans_pass_or_are_reduced(opener: ChildProcessOpener) -> None:
    for path in good("english_scans", ".png"):
        (page,) = pages_of(opener, path)
        with Image.open(path) as source:
            within = source.width * source.height <= LIMITS.max_pixels
        assert page.passed_through is within, path.name
        assert page.image is not None
        assert (page.image.data == path.read_bytes()) is within
        decoded(page)


def test_photographs_are_reduced_to_the_budget(opener: ChildProcessOpener) -> None:
    for path in good("korean", "_photo.jpg") + good("medical", "_photo.pdf"):
        for page in pages_of(opener, path):
            image = decoded(page)
            assert image.width * image.height > 0.98 * LIMITS.max_pixels
            assert page.image is not None
            assert page.image.media_type == "image/jpeg"
