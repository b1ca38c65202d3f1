"""What statuses, error bodies and broken connections mean."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.adapters.engines.vllm.failures import (
    from_error_object,
    from_status,
    from_transport,
    retry_seconds,
)
from ocr_pipeline.domain.errors import (
    ContextTooLong,
    EngineError,
    EngineGarbage,
    EngineOverloaded,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
)

NOW = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)


def meaning(status: int, body: bytes = b"") -> type[EngineError]:
    return type(from_status(status, body, retry_after=None, now=NOW))


@pytest.mark.parametrize(
    ("advice", "seconds"),
    [
        ("3", 3.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("Thu, 05 Nov 2026 12:00:30 GMT", 30.0),
        ("Thu, 05 Nov 2026 12:00:30 -0000", 30.0),
        ("Thu, 05 Nov 2026 13:00:30 +0100", 30.0),
        ("Thu, 05 Nov 2026 11:00:00 GMT", 0.0),
        ("-3", None),
        ("1.5", None),
        ("nan", None),
        ("9" * 5000, None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_advice_when_to_come_back(advice: str | None, seconds: float | None) -> None:
    assert retry_seconds(advice, NOW) == seconds


@given(st.text(max_size=40))
def test_any_advice_is_seconds_or_none(advice: str) -> None:
    seconds = retry_seconds(advice, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens.",
        "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
        "max_tokens=9000 cannot be greater than max_model_len=max_total_tokens=8192.",
        "Input length (5000) exceeds model's maximum context length (4096).",
        "The input is longer than the model's context length.",
    ],
)
def test_servers_words_for_a_page_that_does_not_fit(message: str) -> None:
    body = httpx.Response(400, json={"error": {"message": message, "code": 400}}).content
    assert meaning(400, body) is ContextTooLong
    assert meaning(500, body) is EngineUnavailable


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, EngineRefused),
        (401, EngineUnavailable),
        (403, EngineUnavailable),
        (404, EngineUnavailable),
        (405, EngineUnavailable),
        (407, EngineUnavailable),
        (408, EngineUnavailable),
        (413, EngineRefused),
        (415, EngineRefused),
        (418, EngineRefused),
        (422, EngineRefused),
        (429, EngineOverloaded),
        (500, EngineUnavailable),
        (501, EngineUnavailable),
        (503, EngineOverloaded),
        (599, EngineUnavailable),
        (302, EngineUnavailable),
        (204, EngineUnavailable),
    ],
)
def test_statuses(status: int, error: type[EngineError]) -> None:
    assert meaning(status) is error
    assert meaning(status, b"<html>") is error
    assert meaning(status, b"\xff") is error
    assert meaning(status, b"[" * 100_000) is error


def test_a_setting_that_the_server_does_not_take_is_no_page_s_fault() -> None:
    said = {"error": {"message": "Per-request mm_processor_kwargs are disabled", "param": "mm_processor_kwargs"}}
    error = from_status(400, httpx.Response(400, json=said).content, retry_after=None, now=NOW)
    assert type(error) is EngineUnavailable
    assert "mm_processor_kwargs" in str(error)


@pytest.mark.parametrize("param", ["messages", "a word of the page", None, 7, ["priority"]])
def test_any_other_field_is_the_page_s_and_is_not_named(param: object) -> None:
    body = httpx.Response(400, json={"error": {"message": "no", "param": param}}).content
    error = from_status(400, body, retry_after=None, now=NOW)
    assert type(error) is EngineRefused
    assert str(param) not in str(error)


@pytest.mark.parametrize(
    "error", ["out of order", None, 7, {}, {"code": None}, {"code": "x"}, {"message": 7}, {"code": 8501011234567}]
)
def test_an_error_object_of_any_shape_is_the_server_s(error: object) -> None:
    assert type(from_error_object(error)) is EngineUnavailable
    assert "8501011234567" not in str(from_error_object(error))


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (httpx.ConnectError(""), EngineUnavailable),
        (httpx.ConnectTimeout(""), EngineUnavailable),
        (httpx.ReadTimeout(""), EngineTimeout),
        (httpx.WriteTimeout(""), EngineTimeout),
        (httpx.PoolTimeout(""), EngineOverloaded),
        (httpx.ReadError(""), EngineUnavailable),
        (httpx.WriteError(""), EngineUnavailable),
        (httpx.RemoteProtocolError(""), EngineUnavailable),
        (httpx.LocalProtocolError(""), EngineUnavailable),
        (httpx.ProxyError(""), EngineUnavailable),
        (httpx.DecodingError(""), EngineGarbage),
    ],
)
def test_broken_connections(raised: httpx.HTTPError, error: type[EngineError]) -> None:
    assert type(from_transport(raised)) is error


@given(st.binary(max_size=60), st.integers(100, 599))
def test_any_answer_has_a_meaning(body: bytes, status: int) -> None:
    assert issubclass(meaning(status, body), EngineError)
