"""The PDF shows the image and holds the text behind it, where it was read."""

from __future__ import annotations

import io

import pymupdf
import pytest
from PIL import Image

from ocr_pipeline.adapters.documents.searchable_pdf import PdfLine, PdfPage, searchable_pdf
from ocr_pipeline.domain.errors import PageUnreadable
from ocr_pipeline.domain.text import Box


def image(width: int = 400, height: int = 200) -> bytes:
    """Black at the top left, white elsewhere."""
    made = Image.new("L", (width, height), 255)
    made.paste(0, (0, 0, width // 4, height // 4))
    data = io.BytesIO()
    made.save(data, "PNG")
    return data.getvalue()


def test_text_lies_where_it_was_read() -> None:
    lines = [
        PdfLine("환자 홍길동 Amlodipine 5 mg", Box(40, 20, 240, 60)),
        PdfLine("2026-11-23", Box(300, 150, 380, 170)),
    ]
    made = searchable_pdf([PdfPage(image(), 400, 200, lines, dpi=100)])
    with pymupdf.open("pdf", made) as document:
        (page,) = document
        assert (page.rect.width, page.rect.height) == (288, 144)
        assert page.get_text().split("\n")[:2] == [line.text for line in lines]
        (found,) = page.search_for("홍길동 Amlodipine 5 mg")
        assert 28 < found.x0 < 172.8
        assert found.x1 == pytest.approx(240 * 0.72, abs=3)
        assert found.y0 == pytest.approx(20 * 0.72, abs=8)
        drawn = page.get_pixmap(dpi=100, colorspace=pymupdf.csGRAY)
        assert drawn.pixel(10, 10) == (0,)
        assert {drawn.pixel(x, y) for x in range(120, 400, 3) for y in range(4, 200, 3)} == {(255,)}, "text is not seen"


@pytest.mark.parametrize(("rotation", "dark"), [(0, (5, 5)), (90, (195, 5)), (180, (395, 195)), (270, (5, 395))])
def test_a_turned_page_stands_upright(rotation: int, dark: tuple[int, int]) -> None:
    size = (200, 400) if rotation % 180 else (400, 200)
    made = searchable_pdf([PdfPage(image(), *size, [], dpi=72, rotation=rotation)])
    with pymupdf.open("pdf", made) as document:
        drawn = document[0].get_pixmap(colorspace=pymupdf.csGRAY)
        assert (drawn.width, drawn.height) == size
        assert drawn.pixel(*dark) == (0,)


def test_pages_without_image_or_places_keep_their_text() -> None:
    loose = [PdfLine(f"line {number}") for number in range(200)]
    made = searchable_pdf([PdfPage(None, 0, 0, loose), PdfPage(image(), 400, 200, [PdfLine("corrected")])])
    with pymupdf.open("pdf", made) as document:
        assert document[0].get_text().split("\n")[:200] == [line.text for line in loose]
        assert "corrected" in document[1].get_text()


def test_a_damaged_image_is_said() -> None:
    with pytest.raises(PageUnreadable):
        searchable_pdf([PdfPage(b"no image", 10, 10, [])])
