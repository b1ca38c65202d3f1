"""Formats are told from content alone."""

import pytest

from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.intake.sniff import PDF_WINDOW, sniff

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PNG, MediaType.PNG),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", MediaType.JPEG),
        (b"\xff\xd8\xff\xdb", MediaType.JPEG),
        (b"II*\x00\x08\x00\x00\x00", MediaType.TIFF),
        (b"MM\x00*\x00\x00\x00\x08", MediaType.TIFF),
        (b"II+\x00\x08\x00\x00\x00", MediaType.TIFF),
        (b"%PDF-1.7\n", MediaType.PDF),
        (b"\xef\xbb\xbf%PDF-1.4\n", MediaType.PDF),
        (b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n", MediaType.PDF),
        (b"<html>scanned by</html>\n%PDF-1.4\n", MediaType.PDF),
        (b"\xff\xd8\xff\xfe\x00\x20 %PDF-1.4 in a comment", MediaType.JPEG),
    ],
)
def test_accepted_formats_are_recognised(content: bytes, expected: MediaType) -> None:
    assert sniff(content) is expected


def test_a_pdf_header_may_start_as_late_as_the_window_ends() -> None:
    assert sniff(b" " * PDF_WINDOW + b"%PDF-1.4") is MediaType.PDF
    with pytest.raises(Refused):
        sniff(b" " * (PDF_WINDOW + 1) + b"%PDF-1.4")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"GIF89a", "GIF"),
        (b"PK\x03\x04 archive with %PDF-1.4 inside", "ZIP"),
        (b"PK\x05\x06" + b"\x00" * 18, "ZIP"),
        (b"\n <!DOCTYPE HTML><html>", "HTML"),
        (b"\xef\xbb\xbf<html>", "HTML"),
        (b"BM" + b"\x00" * 50, "BMP"),
        (b"RIFF\x00\x00\x00\x00WEBP", "WebP"),
        (b"\x00\x00\x00\x18ftypheic", "HEIC"),
        (b"\x00" * 128 + b"DICM", "DICOM"),
        (b"{\\rtf1", "RTF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
        (b"plain words", "no known"),
        (b"\x89PNG\n\x1a\n", "no known"),
    ],
)
def test_other_content_is_refused_with_what_it_is(content: bytes, found: str) -> None:
    with pytest.raises(Refused) as caught:
        sniff(content)
    assert caught.value.reason == RefusalReason.UNSUPPORTED_FORMAT
    assert found in str(caught.value)
    assert "Accepted formats: PNG, JPEG, TIFF, PDF." in str(caught.value)


def test_content_is_never_quoted() -> None:
    with pytest.raises(Refused) as caught:
        sniff(b"Hong Gildong, 900101-1234567")
    assert "Gildong" not in str(caught.value)


def test_an_empty_file_is_refused_as_empty() -> None:
    with pytest.raises(Refused) as caught:
        sniff(b"")
    assert caught.value.reason == RefusalReason.EMPTY_FILE


def test_formats_may_be_narrowed() -> None:
    assert sniff(PNG, {MediaType.PNG}) is MediaType.PNG
    with pytest.raises(Refused, match=r"Accepted formats: JPEG, PDF\.") as caught:
        sniff(PNG, {MediaType.PDF, MediaType.JPEG})
    assert caught.value.reason == RefusalReason.UNSUPPORTED_FORMAT
    assert caught.value.limit == "supported_formats"
