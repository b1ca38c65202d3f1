"""What is sent to a server for a page."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image, ImageChops

from ocr_pipeline.adapters.engines.vllm.request_body import body, encode, headers
from ocr_pipeline.domain.errors import PageUnreadable
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.generation import GenerationRequest, RepetitionStop, Sampling
from tests.unit.engine_vllm.asking import REQUEST_ID, make_request, picture


def sent(request: GenerationRequest) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(encode(request))
    return fields


def image_of(fields: dict[str, Any]) -> tuple[str, bytes]:
    url = fields["messages"][-1]["content"][0]["image_url"]["url"]
    kind, _, data = url.partition(",")
    return kind, base64.b64decode(data, validate=True)


def test_the_least_that_is_sent() -> None:
    fields = sent(make_request())
    del fields["messages"]
    assert fields == {
        "model": "ocr",
        "max_tokens": 512,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "logprobs": True,
    }


def test_everything_that_can_be_asked_for() -> None:
    sampling = Sampling(
        temperature=0.4,
        top_p=0.9,
        repetition_penalty=1.1,
        seed=7,
        stop=("END", "STOP"),
        repetition=RepetitionStop(longest=20, count=6),
        extra={"top_k": 5},
    )
    fields = sent(
        make_request(sampling=sampling, priority=-2, system="You read.", min_pixels=100, max_pixels=200, logprobs=False)
    )
    assert fields["messages"][0] == {"role": "system", "content": "You read."}
    del fields["messages"]
    assert fields == {
        "model": "ocr",
        "max_tokens": 512,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.4,
        "top_p": 0.9,
        "repetition_penalty": 1.1,
        "seed": 7,
        "stop": ["END", "STOP"],
        "repetition_detection": {"max_pattern_size": 20, "min_pattern_size": 1, "min_count": 6},
        "top_k": 5,
        "priority": -2,
        "mm_processor_kwargs": {"min_pixels": 100, "max_pixels": 200},
    }


def test_extra_fields_replace_none_of_ours() -> None:
    extra = {"model": "another", "temperature": 2.0, "mm_processor_kwargs": {"fps": 1, "max_pixels": 9}}
    fields = body(make_request(sampling=Sampling(extra=extra), max_pixels=200))
    assert fields["model"] == "ocr"
    assert fields["temperature"] == 0.0
    assert fields["mm_processor_kwargs"] == {"fps": 1, "max_pixels": 200}


def test_a_model_that_wants_no_words_gets_none() -> None:
    (message,) = sent(make_request(prompt=""))["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url"]


def test_text_is_sent_as_text() -> None:
    fields = sent(make_request(prompt="처방전을 읽어라"))
    assert fields["messages"][0]["content"][1] == {"type": "text", "text": "처방전을 읽어라"}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_an_image_goes_out_in_the_bytes_it_is_stored_in(form: str) -> None:
    page = picture(form, "RGB")
    assert image_of(sent(make_request(page=page))) == (f"data:image/{form.lower()};base64", page.data)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_tiff_goes_out_as_png_with_the_same_pixels(mode: str) -> None:
    original = Image.linear_gradient("L").resize((40, 30)).convert(mode)
    buffer = io.BytesIO()
    original.save(buffer, "TIFF", compression="tiff_lzw")
    kind, data = image_of(sent(make_request(page=PageImage(buffer.getvalue(), "image/tiff", 40, 30))))
    image = Image.open(io.BytesIO(data))
    assert (kind, image.format, image.mode) == ("data:image/png;base64", "PNG", mode)
    assert ImageChops.difference(image.convert("RGBA"), original.convert("RGBA")).getbbox(alpha_only=False) is None


@pytest.mark.parametrize(("mode", "shown"), [("CMYK", "RGB"), ("I;16", "L"), ("F", "L")])
def test_a_tiff_that_png_cannot_hold_goes_out_as_what_it_shows(mode: str, shown: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (8, 6)).save(buffer, "TIFF")
    _, data = image_of(sent(make_request(page=PageImage(buffer.getvalue(), "image/tiff", 8, 6))))
    assert Image.open(io.BytesIO(data)).mode == shown


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("data", [b"", b"II*\0", b"no image", picture("PNG").data])
def test_a_tiff_that_is_none_is_unreadable(data: bytes) -> None:
    with pytest.raises(PageUnreadable):
        encode(make_request(page=PageImage(data, "image/tiff", 8, 6)))


def test_headers_name_the_request_and_show_the_key() -> None:
    shown = headers(make_request(), "key-1")
    assert shown["X-Request-Id"] == REQUEST_ID
    assert shown["Authorization"] == "Bearer key-1"
    assert "Authorization" not in headers(make_request(), None)
