"""Long files through the splitter: parts in order, the same each time, nothing lost, hostile files left to intake."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pymupdf
import pytest
from PIL import Image

from ocr_pipeline.adapters.documents import protocol
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.opener import ChildProcessOpener
from ocr_pipeline.adapters.documents.splitter import ChildProcessSplitter
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.ports.bulk import Part
from tests.waiting import PATIENCE

LIMITS = OpenerLimits(max_pages=200, max_page_bytes=1024 * 1024, page_seconds=PATIENCE, document_seconds=PATIENCE)


@pytest.fixture(scope="module")
def splitter() -> Iterator[ChildProcessSplitter]:
    with ChildProcessSplitter(LIMITS, 20) as made:
        yield made


def chart(pages: int, **options: Any) -> bytes:
    document = pymupdf.open()
    for number in range(1, pages + 1):
        document.new_page(width=300, height=200).insert_text((20, 60), f"page {number}")
    return bytes(document.tobytes(**options))


def texts(part: Part) -> list[str]:
    return [page.get_text().strip() for page in pymupdf.open(stream=part.content, filetype="pdf")]


def fax(frames: int, mode: str = "1") -> bytes:
    images = [Image.new("L", (80 + number, 60), 255).convert(mode) for number in range(frames)]
    out = io.BytesIO()
    images[0].save(out, "TIFF", save_all=True, append_images=images[1:], dpi=(204, 196), compression="tiff_lzw")
    return out.getvalue()


@pytest.mark.parametrize(
    ("pages", "firsts"),
    [(1, [1]), (20, [1]), (21, [1, 21]), (40, [1, 21]), (59, [1, 21, 41]), (200, [*range(1, 200, 20)])],
)
def test_a_chart_becomes_parts_that_hold_its_pages_in_order(
    splitter: ChildProcessSplitter, pages: int, firsts: list[int]
) -> None:
    content = chart(pages)
    parts = splitter.split(content)
    assert [part.first_page for part in parts] == firsts
    assert [text for part in parts for text in texts(part)] == [f"page {number}" for number in range(1, pages + 1)]
    assert splitter.split(content) == parts, "the same file gives the same parts, and so the same documents"
    if len(firsts) == 1:
        assert parts[0].content == content


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_long_tiff_becomes_tiffs(splitter: ChildProcessSplitter, mode: str) -> None:
    parts = splitter.split(fax(43, mode))
    assert [part.first_page for part in parts] == [1, 21, 41]
    widths = []
    for part in parts:
        with Image.open(io.BytesIO(part.content)) as image:
            assert image.format == "TIFF"
            for frame in range(getattr(image, "n_frames", 1)):
                image.seek(frame)
                widths.append(image.width)
                assert image.mode == mode
                assert tuple(round(each) for each in image.info["dpi"]) == (204, 196)
    assert widths == [80 + number for number in range(43)]
    assert splitter.split(fax(43, mode)) == parts


def test_what_a_part_holds_can_be_opened_by_intake(splitter: ChildProcessSplitter) -> None:
    with ChildProcessOpener() as opener:
        for content, media_type in ((chart(25), MediaType.PDF), (fax(25), MediaType.TIFF)):
            counts = []
            for part in splitter.split(content):
                with opener.open(part.content, media_type) as opened:
                    counts.append(opened.page_count)
            assert counts == [20, 5]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no document",
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7\nnothing",
        b"II*\x00\x08\x00\x00\x00\xff\xff",
        chart(25, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="other"),
        chart(25)[:900],
    ],
)
def test_what_cannot_be_split_is_left_to_intake(splitter: ChildProcessSplitter, content: bytes) -> None:
    parts = splitter.split(content)
    assert parts[0].first_page == 1
    assert len(parts) == 1
    assert parts[0].content == content


def test_a_part_is_never_larger_than_it_may_be() -> None:
    content = chart(45)
    with ChildProcessSplitter(OpenerLimits(max_pages=100, max_page_bytes=3000), 20) as small:
        parts = small.split(content)
    assert max(len(part.content) for part in parts) <= 3000
    assert [text for part in parts for text in texts(part)] == [f"page {number}" for number in range(1, 46)]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (OpenerLimits(max_pages=44), RefusalReason.TOO_MANY_PAGES),
        (OpenerLimits(max_pages=100, max_page_bytes=500), RefusalReason.TOO_LARGE),
        (OpenerLimits(max_pages=100, page_seconds=0.001), RefusalReason.TOO_SLOW),
    ],
)
def test_what_takes_too_much_is_refused(limits: OpenerLimits, reason: RefusalReason) -> None:
    with ChildProcessSplitter(limits, 20) as strict, pytest.raises(Refused) as refused:
        strict.split(chart(45))
    assert refused.value.reason is reason


@pytest.mark.parametrize("fields", [b'{"first_page": 2, "pages": 20}', b'{"first_page": 1, "pages": 21}', b"{}"])
def test_a_part_that_cannot_be_is_not_believed(fields: bytes) -> None:
    assert protocol.decode_part(b'{"first_page": 1, "pages": 20}', 1, 20) == 20
    with pytest.raises(protocol.ProtocolError):
        protocol.decode_part(fields, 1, 20)
