"""Nothing of the page, the prompt, the answer or an error body gets into an error or a log."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ocr_pipeline import logs
from ocr_pipeline.domain.errors import EngineError
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.generation import Sampling
from tests.scripted_vllm import (
    Behaviour,
    Call,
    DiesAfter,
    Fails,
    Hangs,
    Page,
    Replies,
    Says,
    ScriptedVllm,
    Streams,
    error_in_stream,
    event_bytes,
)
from tests.unit.engine_vllm.asking import ask, make_request

SECRET = "Kim Cheol-su 850101-1234567"
RAW = SECRET.encode()
KEY = "key" + "-of-the-server"


@dataclass(frozen=True)
class Writes:
    """Bytes that are no HTTP."""

    data: bytes

    async def answer(self, call: Call) -> None:
        await call.connection.write(self.data)
        call.cut(reset=False)


BEHAVIOURS = [
    pytest.param(Fails(400, SECRET), id="400"),
    pytest.param(Fails(400, f"maximum context length: {SECRET}"), id="context"),
    pytest.param(Fails(500, SECRET), id="500"),
    pytest.param(Fails(429, SECRET), id="429"),
    pytest.param(Fails(404, SECRET, code=SECRET), id="404"),
    pytest.param(Replies(Page(SECRET, "text/html")), id="page"),
    pytest.param(Replies(Page(SECRET, "text/html", 502)), id="502 page"),
    pytest.param(error_in_stream(SECRET, SECRET), id="error in the stream"),
    pytest.param(Streams((b"data: " + RAW + b"\n\n",)), id="no JSON"),
    pytest.param(Streams((b'data: {"' + RAW + b'": \xff}\n\n',)), id="no UTF-8"),
    pytest.param(Streams((event_bytes({"choices": [{"delta": SECRET}]}),)), id="another shape"),
    pytest.param(Streams((event_bytes({"choices": [{"finish_reason": SECRET}]}),)), id="no known end"),
    pytest.param(
        Streams((b'data: {"choices": [{"delta": {"content": "' + RAW + b'\\ud800"}}]}\n\n',)), id="no Unicode"
    ),
    pytest.param(Streams((b"data: " + RAW * 50_000,)), id="too long"),
    pytest.param(Says(SECRET, answer_id=SECRET), id="another answer"),
    pytest.param(DiesAfter(2, Says(SECRET)), id="reset"),
    pytest.param(DiesAfter(2, Says(SECRET), reset=False), id="closed"),
    pytest.param(Hangs(), id="silent"),
]


def texts_of(error: BaseException) -> Iterator[str]:
    """Everything that a log or a crash report could show of an error, its causes and its contexts."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        seen.append(one)
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        waiting += [next_ for next_ in (one.__cause__, one.__context__) if next_ is not None and next_ not in seen]
    yield "".join(traceback.format_exception(error))


def failure(behaviour: Behaviour) -> EngineError:
    request = make_request(
        page=PageImage(RAW, "image/png", 8, 6),
        prompt=SECRET,
        system=SECRET,
        sampling=Sampling(stop=(SECRET,), extra={"note": SECRET}),
    )
    stall = 0.2 if isinstance(behaviour, Hangs) else 120.0
    with ScriptedVllm(behaviour) as scripted, pytest.raises(EngineError) as caught:
        ask(scripted, request, api_key=KEY, stall_seconds=stall)
    return caught.value


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_errors_and_logs_hold_no_content(behaviour: Behaviour, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [*texts_of(failure(behaviour)), *(record.getMessage() for record in caplog.records), caplog.text]
    assert any("127.0.0.1" in text for text in shown)
    for secret in (SECRET, "850101", KEY):
        assert not [text for text in shown if secret in text]


@pytest.mark.parametrize("behaviour", [Writes(RAW + b"\r\n\r\n"), Fails(429, SECRET, retry_after=SECRET)])
def test_what_a_library_quotes_of_broken_http_stays_out_too(
    behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    """httpcore's debug lines quote headers and what it could not understand, so the project's logs drop their text."""
    out = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("debug", "json", out)
    try:
        error = failure(behaviour)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert "library message" in out.getvalue()
    assert not [text for text in [*texts_of(error), out.getvalue()] if SECRET in text]
