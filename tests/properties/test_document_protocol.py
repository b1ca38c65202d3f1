"""What a child says is carried faithfully, and nonsense from it is always caught."""

import io
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from ocr_pipeline.adapters.documents import protocol
from ocr_pipeline.adapters.documents.image_headers import image_size
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.protocol import FrameHeader, Kind, PageReport, ProtocolError
from ocr_pipeline.adapters.documents.text_layer import worthwhile
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.pages import PageReason
from ocr_pipeline.ports.documents import OpenedPage
from ocr_pipeline.ports.engine import PageImage

LIMITS = OpenerLimits(max_pixels=10_000, max_side=200, max_page_bytes=100_000, max_text_characters=200)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def encoded(width: int, height: int, name: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (width, height), 128).save(buffer, name)
    return buffer.getvalue()


@st.composite
def page_images(draw: st.DrawFn) -> PageImage:
    width, height = draw(st.integers(16, 100)), draw(st.integers(16, 100))
    name = draw(st.sampled_from(["PNG", "JPEG"]))
    dpi = draw(st.none() | st.floats(50, 1200))
    return PageImage(encoded(width, height, name), f"image/{name.lower()}", width, height, dpi)


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
NUMBERS = st.integers(1, 20)
PAGES = st.builds(
    OpenedPage,
    number=NUMBERS,
    image=page_images(),
    problem=st.none(),
    text_layer=TEXTS,
    passed_through=st.booleans(),
)
PROBLEMS = st.builds(
    OpenedPage,
    number=NUMBERS,
    image=st.none(),
    problem=st.sampled_from([PageReason.NOT_RENDERED.value, PageReason.BLANK_RENDER.value]),
    text_layer=TEXTS,
    passed_through=st.just(value=False),
)
REPORTS = st.builds(PageReport, PAGES) | st.builds(PageReport, PROBLEMS, st.sampled_from(RefusalReason))


@given(REPORTS)
def test_pages_survive_the_way(report: PageReport) -> None:
    header, fields, image, text = protocol.encode_page(report)
    assert protocol.decode_header(header, LIMITS) == FrameHeader(Kind.PAGE, len(fields), len(image), len(text))
    assert protocol.decode_page(fields, image, text, report.page.number, LIMITS) == report


@given(st.binary(min_size=protocol.HEADER_BYTES, max_size=protocol.HEADER_BYTES))
def test_any_header_is_bounded_or_refused(data: bytes) -> None:
    try:
        header = protocol.decode_header(data, LIMITS)
    except ProtocolError:
        return
    assert header.fields <= protocol.MAX_FIELDS_BYTES
    assert header.image <= LIMITS.max_page_bytes
    assert header.text <= LIMITS.max_text_characters * 4


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=60))
@example(b'{"number": 1, "problem": "low_confidence", "refusal": "malformed"}', b"")
@example(b'{"number": true, "problem": "not_rendered", "refusal": "malformed"}', b"")
def test_nonsense_is_a_protocol_error(fields: bytes, image: bytes) -> None:
    for decode in (
        lambda: protocol.decode_opened(fields, LIMITS),
        lambda: protocol.decode_refused(fields, LIMITS),
        lambda: protocol.decode_page(fields, image, b"", 1, LIMITS),
    ):
        with pytest.raises(ProtocolError):
            decode()


@given(page_images(), st.integers(-5, 300), st.integers(-5, 300))
def test_a_size_that_is_not_the_images_own_is_caught(image: PageImage, width: int, height: int) -> None:
    lie = PageImage(image.data, image.media_type, width, height, image.dpi)
    _, fields, data, text = protocol.encode_page(PageReport(OpenedPage(1, lie)))
    if (width, height) == (image.width, image.height):
        return
    with pytest.raises(ProtocolError):
        protocol.decode_page(fields, data, text, 1, LIMITS)


def test_pages_must_come_in_order_and_within_the_budget() -> None:
    def reported(width: int, height: int) -> tuple[bytes, bytes, bytes]:
        image = PageImage(encoded(width, height, "PNG"), "image/png", width, height)
        _, *parts = protocol.encode_page(PageReport(OpenedPage(2, image)))
        fields, data, text = parts
        return fields, data, text

    assert protocol.decode_page(*reported(100, 100), 2, LIMITS).page.number == 2
    for size, number in (((100, 100), 1), ((101, 100), 2), ((201, 20), 2), ((15, 100), 2)):
        with pytest.raises(ProtocolError):
            protocol.decode_page(*reported(*size), number, LIMITS)


@pytest.mark.parametrize("dpi", [math.nan, math.inf, -200.0, 0.0, 49.0, 1201.0, 1e300])
def test_made_up_resolutions_are_dropped(dpi: float) -> None:
    image = PageImage(encoded(50, 50, "PNG"), "image/png", 50, 50, dpi)
    _, fields, data, text = protocol.encode_page(PageReport(OpenedPage(1, image)))
    found = protocol.decode_page(fields, data, text, 1, LIMITS).page.image
    assert found is not None
    assert found.dpi is None


@given(st.sampled_from(["PNG", "JPEG"]), st.binary(max_size=80), st.integers(0, 700))
def test_cut_and_foreign_headers_give_a_size_or_value_error(name: str, junk: bytes, cut: int) -> None:
    whole = encoded(40, 30, name)
    for data in (whole[:cut], whole[: cut % 40] + junk, junk):
        try:
            width, height = image_size(data, f"image/{name.lower()}")
        except ValueError:
            continue
        assert min(width, height) >= 0


@given(st.text(max_size=400), st.integers(1, 300))
def test_a_text_layer_is_bounded_and_means_something(text: str, bound: int) -> None:
    kept = worthwhile(text, bound)
    assert kept is None or (len(kept) <= bound and kept in text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Amoxicillin 500 mg three times a day", True),
        ("처방전 의약품의 명칭 1회 투약량 1일 투여횟수", True),
        ("page 3", False),
        ("\ufffd" * 40, False),
        ("\ue000\ue001\ue002" * 20, False),
        ("Amoxicillin 500 mg" + "\ufffd" * 10, False),
        (" \n" * 100, False),
    ],
)
def test_text_layers_worth_keeping(text: str, *, kept: bool) -> None:
    assert (worthwhile(text, 1000) is not None) is kept
