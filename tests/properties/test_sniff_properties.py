"""Whatever bytes come in, sniffing ends in a format or a refusal, and looks at the head alone."""

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.intake.sniff import PDF_WINDOW, sniff

HEAD = PDF_WINDOW + len(b"%PDF-")
MAGICS = st.sampled_from(
    [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"%PDF-", b"GIF8", b"PK\x03\x04", b"<html"]
)


def outcome(content: bytes, accepted: frozenset[MediaType] = frozenset(MediaType)) -> str:
    try:
        return sniff(content, accepted).value
    except Refused as refusal:
        return str(refusal.reason)


@given(MAGICS, st.binary(max_size=2000))
def test_every_content_is_a_format_or_is_refused(magic: bytes, rest: bytes) -> None:
    refusals = {RefusalReason.EMPTY_FILE.value, RefusalReason.UNSUPPORTED_FORMAT.value}
    assert outcome(magic + rest) in {*MediaType, *refusals}


@given(MAGICS, st.binary(max_size=2000), st.binary(max_size=100))
def test_only_the_head_counts(magic: bytes, rest: bytes, tail: bytes) -> None:
    head = (magic + rest + b"\x00" * HEAD)[:HEAD]
    assert outcome(head) == outcome(head + tail)


@given(st.text("abcdefgh \r\n", max_size=PDF_WINDOW), st.binary(max_size=100))
def test_text_before_a_pdf_does_not_hide_it(junk: str, rest: bytes) -> None:
    assert outcome(junk.encode() + b"%PDF-1.4\n" + rest) == MediaType.PDF.value


@given(MAGICS, st.binary(max_size=200), st.frozensets(st.sampled_from(MediaType)))
def test_narrowing_only_takes_away(magic: bytes, rest: bytes, accepted: frozenset[MediaType]) -> None:
    wide, narrow = outcome(magic + rest), outcome(magic + rest, accepted)
    assert narrow == wide if wide in accepted or wide not in set(MediaType) else narrow == "unsupported_format"
