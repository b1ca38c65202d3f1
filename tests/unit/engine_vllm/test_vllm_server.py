"""VllmServer against a server that does what it should, and every wrong thing that servers were seen to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

from ocr_pipeline.adapters.engines.vllm import VllmServer, client
from ocr_pipeline.domain.errors import (
    ConfigurationError,
    ContextTooLong,
    EngineGarbage,
    EngineOverloaded,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    PageUnreadable,
)
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.generation import Finish, FinishReason, GenerationServer, RepetitionStop, Sampling, ServerLoad
from tests.scripted_vllm import (
    Behaviour,
    DiesAfter,
    Drips,
    Fails,
    Hangs,
    Listing,
    Outcome,
    Page,
    Repeats,
    Replies,
    Says,
    ScriptedVllm,
    Streams,
    by_bytes,
    error_in_stream,
    html_page,
    invalid_utf8,
    obeys_page,
    overloaded,
    too_long,
)
from tests.unit.engine_vllm.asking import ask, make_request, patient, picture, read, text_of, tokens_of


@pytest.fixture
def scripted() -> Iterator[ScriptedVllm]:
    with ScriptedVllm(Says("one two three")) as server:
        yield server


def test_it_is_a_generation_server_named_by_its_address() -> None:
    server: GenerationServer = VllmServer("http://gpu-1:8000/v1", api_key="key-1")
    assert server.id == "gpu-1:8000"
    assert "key-1" not in repr(server)


def test_tokens_come_with_their_log_probabilities_and_an_end(scripted: ScriptedVllm) -> None:
    scripted.behave(Says("one two three", logprob=lambda position, _: -0.1 * position))
    *tokens, finish = ask(scripted)
    assert tokens_of(tokens) == [("one", 0.0), (" two", -0.1), (" three", -0.2)]
    assert finish == Finish(FinishReason.STOP, prompt_tokens=100, completion_tokens=3)


def test_the_request_arrives_as_asked(scripted: ScriptedVllm) -> None:
    page = picture("JPEG")
    ask(scripted, make_request(page=page, prompt="Read.", system="You read.", priority=3), api_key="key-1")
    (asked,) = scripted.asks
    assert asked.image == ("image/jpeg", page.data)
    assert asked.prompt == "You read.\nRead."
    assert asked.priority == 3
    assert asked.headers["authorization"] == "Bearer key-1"
    assert asked.outcome is Outcome.FINISHED


def test_one_connection_serves_request_after_request(scripted: ScriptedVllm, monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in ("_FAREWELL_SECONDS", "_IDLE_SECONDS"):
        monkeypatch.setattr(client, seconds, 120.0)

    async def twice() -> None:
        server = patient(scripted.url)
        assert text_of(await read(server)) == text_of(await read(server)) == "one two three"
        await server.close()

    asyncio.run(twice())
    assert scripted.connections == 1


def test_a_character_in_pieces_belongs_to_the_token_that_completes_it(scripted: ScriptedVllm) -> None:
    scripted.behave(Says("약 a", split=by_bytes, logprob=-0.5))
    said = tokens_of(ask(scripted))
    assert said == [("", -0.5), ("", -0.5), ("약", -0.5), (" ", -0.5), ("a", -0.5)]


def test_text_stays_where_log_probabilities_are_missing(scripted: ScriptedVllm) -> None:
    scripted.behave(Says("one two three four", listing=Listing.NONE))
    assert tokens_of(ask(scripted)) == [("one", None), (" two", None), (" three", None), (" four", None)]


def test_text_stays_where_half_of_the_log_probabilities_are_missing(scripted: ScriptedVllm) -> None:
    scripted.behave(Says("one two three four", listing=Listing.HALF))
    assert tokens_of(ask(scripted)) == [("one", -0.01), (" two", -0.01), (" three", None), (" four", None)]


def test_text_stays_where_the_log_probabilities_are_of_other_tokens(scripted: ScriptedVllm) -> None:
    scripted.behave(Says("one two", listing=Listing.CONTRADICTING))
    assert tokens_of(ask(scripted)) == [("one", None), (" two", None)]


def test_an_answer_as_long_as_was_allowed_says_so(scripted: ScriptedVllm) -> None:
    said = ask(scripted, make_request(max_tokens=2))
    assert text_of(said) == "one two"
    assert said[-1] == Finish(FinishReason.LENGTH, 100, 2)


def test_a_loop_that_the_server_stopped_says_so(scripted: ScriptedVllm) -> None:
    scripted.behave(Repeats(" the", times=400, detects=True))
    said = ask(scripted, make_request(sampling=Sampling(repetition=RepetitionStop(longest=8, count=12))))
    assert text_of(said) == " the" * 12
    assert said[-1] == Finish(FinishReason.REPETITION, 100, 12)


def test_a_loop_that_nobody_stopped_comes_whole(scripted: ScriptedVllm) -> None:
    scripted.behave(Repeats(" the", times=300))
    assert text_of(ask(scripted)) == " the" * 300


def test_a_model_that_obeys_the_page_is_no_failure_here(scripted: ScriptedVllm) -> None:
    scripted.behave(obeys_page())
    assert text_of(ask(scripted)) == "OK"


def test_a_blank_page_has_no_tokens(scripted: ScriptedVllm) -> None:
    scripted.behave(Says(""))
    assert ask(scripted) == [Finish(FinishReason.STOP, 100, 0)]


def test_an_answer_dripped_byte_by_byte_is_the_same_answer(scripted: ScriptedVllm) -> None:
    plain = ask(scripted)
    scripted.behave(Drips(Says("one two three"), byte_every=0.0))
    assert ask(scripted) == plain


def test_a_server_that_counts_no_tokens_is_believed(scripted: ScriptedVllm) -> None:
    scripted.behave(Says("one", counted=False))
    assert ask(scripted)[-1] == Finish(FinishReason.STOP)


def test_an_address_that_ends_in_v1_is_the_same_server(scripted: ScriptedVllm) -> None:
    async def reading() -> str:
        server = patient(f"{scripted.url}/v1/")
        try:
            return text_of(await read(server))
        finally:
            await server.close()

    assert asyncio.run(reading()) == "one two three"


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param(DiesAfter(3), EngineUnavailable, id="reset in mid-stream"),
        pytest.param(DiesAfter(3, reset=False), EngineUnavailable, id="closed in mid-stream"),
        pytest.param(DiesAfter(0, reset=False), EngineUnavailable, id="closed before the first token"),
        pytest.param(Streams(()), EngineUnavailable, id="a stream with nothing in it"),
        pytest.param(Streams((b": keep-alive\n\n",)), EngineUnavailable, id="a stream of comments"),
        pytest.param(Fails(500), EngineUnavailable, id="status 500"),
        pytest.param(Fails(502), EngineUnavailable, id="status 502"),
        pytest.param(Fails(504), EngineUnavailable, id="status 504"),
        pytest.param(Fails(408), EngineUnavailable, id="status 408"),
        pytest.param(Replies(Page("moved", "text/plain", 307)), EngineUnavailable, id="a redirect"),
        pytest.param(Fails(401), EngineUnavailable, id="wrong key"),
        pytest.param(Fails(403), EngineUnavailable, id="forbidden"),
        pytest.param(Fails(404), EngineUnavailable, id="wrong model"),
        pytest.param(overloaded(), EngineOverloaded, id="status 429"),
        pytest.param(overloaded(status=503), EngineOverloaded, id="status 503"),
        pytest.param(Fails(400), EngineRefused, id="status 400"),
        pytest.param(Fails(413), EngineRefused, id="status 413"),
        pytest.param(Fails(422), EngineRefused, id="status 422"),
        pytest.param(too_long(), ContextTooLong, id="too long for the context"),
        pytest.param(Fails(400, "no", code="context_length_exceeded"), ContextTooLong, id="too long, by its code"),
        pytest.param(error_in_stream(), EngineUnavailable, id="an error in the stream"),
        pytest.param(error_in_stream(code=503), EngineOverloaded, id="overload in the stream"),
        pytest.param(error_in_stream(code=400), EngineRefused, id="a refusal in the stream"),
        pytest.param(error_in_stream(code="context_length_exceeded"), ContextTooLong, id="too long, in the stream"),
        pytest.param(html_page(), EngineGarbage, id="a web page"),
        pytest.param(Replies(Page('{"choices": []}')), EngineGarbage, id="JSON in place of a stream"),
        pytest.param(Streams((b"data: <html>\n\n",)), EngineGarbage, id="a web page in the stream"),
        pytest.param(Streams((b"data: [1, 2]\n\n",)), EngineGarbage, id="JSON of another shape"),
        pytest.param(invalid_utf8(), EngineGarbage, id="invalid UTF-8"),
        pytest.param(Streams((b"data: " + b"a" * (2 << 20),)), EngineGarbage, id="a line without an end"),
        pytest.param(Says("one", answer_id="chatcmpl-page-8-try-1"), EngineGarbage, id="another page's answer"),
        pytest.param(Says("one", finish="tool_calls"), EngineGarbage, id="an end of no known kind"),
        pytest.param(Says("one", finish="abort"), EngineUnavailable, id="given up by the server"),
        pytest.param(Streams((b"data: [DONE]\n\n",)), EngineGarbage, id="done without an end"),
        pytest.param(Hangs(), EngineTimeout, id="silent from the start"),
        pytest.param(Hangs(opens=True), EngineTimeout, id="silent after the headers"),
    ],
)
def test_a_bad_answer_is_a_typed_error(scripted: ScriptedVllm, behaviour: Behaviour, error: type[Exception]) -> None:
    scripted.behave(behaviour)
    stall = 0.2 if isinstance(behaviour, Hangs) else 120.0
    with pytest.raises(error) as caught:
        ask(scripted, stall_seconds=stall)
    assert type(caught.value) is error
    scripted.behave(Says("well again"))
    assert text_of(ask(scripted)) == "well again"


def test_tokens_before_the_break_were_given_out(scripted: ScriptedVllm) -> None:
    scripted.behave(DiesAfter(3))

    async def until_broken() -> None:
        server = patient(scripted.url)
        async with aclosing(server.generate(make_request())) as answer:
            assert tokens_of([await anext(answer), await anext(answer)]) == [("one", -0.01), (" two", -0.01)]
            with pytest.raises(EngineUnavailable):
                await anext(answer)
        await server.close()

    asyncio.run(until_broken())


def test_a_refused_connection_and_the_return_on_the_same_port(scripted: ScriptedVllm) -> None:
    async def through_an_outage() -> str:
        server = patient(scripted.url)
        await read(server)
        scripted.close_port()
        with pytest.raises(EngineUnavailable, match="cannot be reached"):
            await read(server)
        scripted.open_port()
        text = text_of(await read(server))
        await server.close()
        return text

    assert asyncio.run(through_an_outage()) == "one two three"


def test_a_host_that_does_not_exist_is_unavailable() -> None:
    async def reading() -> None:
        server = VllmServer("http://server.invalid:8000")
        try:
            await read(server)
        finally:
            await server.close()

    with pytest.raises(EngineUnavailable):
        asyncio.run(reading())


def test_the_advice_when_to_come_back_is_kept(scripted: ScriptedVllm) -> None:
    scripted.behave(overloaded("7"))
    with pytest.raises(EngineOverloaded) as caught:
        ask(scripted)
    assert caught.value.retry_after == 7.0


def test_a_wrong_key_and_a_wrong_model_are_named() -> None:
    with ScriptedVllm(api_key="right") as scripted:
        with pytest.raises(EngineUnavailable, match="API key"):
            ask(scripted, api_key="wrong")
        with pytest.raises(EngineUnavailable, match="model"):
            ask(scripted, make_request(model="another"), api_key="right")


def test_closing_early_frees_the_slot(scripted: ScriptedVllm) -> None:
    scripted.behave(Says("word " * 5000, token_every=0.01))

    async def one_token() -> None:
        server = patient(scripted.url)
        async with aclosing(server.generate(make_request(max_tokens=5000))) as answer:
            await anext(answer)
            assert scripted.running == 1
        # The server outlives the request: nothing but the early close may tell the other side.
        await asyncio.to_thread(scripted.wait_for, lambda it: it.running == 0)
        await server.close()

    asyncio.run(one_token())
    assert scripted.asks[0].outcome is Outcome.ABORTED


@pytest.mark.parametrize("behaviour", [Hangs(), Hangs(opens=True), Drips(byte_every=1.0)])
def test_cancelling_the_reader_frees_the_slot(scripted: ScriptedVllm, behaviour: Behaviour) -> None:
    scripted.behave(behaviour)

    async def cancelled() -> None:
        server = patient(scripted.url)
        reading = asyncio.create_task(read(server))
        await asyncio.to_thread(scripted.wait_for, lambda it: it.running == 1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.to_thread(scripted.wait_for, lambda it: it.running == 0)
        await server.close()

    asyncio.run(cancelled())
    assert scripted.asks[0].outcome is Outcome.ABORTED


def test_a_server_that_keeps_the_line_open_after_the_end_holds_nobody_up(scripted: ScriptedVllm) -> None:
    whole = b'data: {"choices":[{"delta":{"content":"one"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    scripted.behave(Streams((whole,), closes=False))
    assert text_of(ask(scripted)) == "one"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_tiff_that_cannot_be_decoded_is_the_page_s_fault(scripted: ScriptedVllm) -> None:
    with pytest.raises(PageUnreadable):
        ask(scripted, make_request(page=PageImage(b"II*\0 and nothing", "image/tiff", 8, 6)))
    assert scripted.asks == []


def test_a_closed_server_is_unavailable(scripted: ScriptedVllm) -> None:
    async def after_closing() -> None:
        server = patient(scripted.url)
        await server.close()
        with pytest.raises(EngineUnavailable):
            await server.load()
        await read(server)

    with pytest.raises(EngineUnavailable):
        asyncio.run(after_closing())


@pytest.mark.parametrize("url", ["", "host:8000", "ftp://host", "http://", "http://host:port", "http://[::1"])
def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError):
        VllmServer(url)


def load_of(scripted: ScriptedVllm, **settings: Any) -> ServerLoad:
    async def asking() -> ServerLoad:
        server = patient(scripted.url, **settings)
        try:
            return await server.load()
        finally:
            await server.close()

    return asyncio.run(asking())


def test_load_counts_who_runs_and_who_waits() -> None:
    with ScriptedVllm(Hangs(), slots=2) as scripted:
        scripted.cache_usage = 0.25

        async def three_at_once() -> ServerLoad:
            server = patient(scripted.url)
            readings = [asyncio.create_task(read(server)) for _ in range(3)]
            await asyncio.to_thread(scripted.wait_for, lambda it: it.waiting == 1)
            load = await server.load()
            for reading in readings:
                reading.cancel()
            await asyncio.gather(*readings, return_exceptions=True)
            await server.close()
            return load

        assert asyncio.run(three_at_once()) == ServerLoad(running=2, waiting=1, cache_usage=0.25)


@pytest.mark.parametrize(
    ("page", "error"),
    [
        pytest.param(Page("<html></html>", "text/plain"), EngineGarbage, id="a web page"),
        pytest.param(Page("welcome 1\n", "text/html"), EngineGarbage, id="a web page that reads like metrics"),
        pytest.param(Page("not { metrics", "text/plain"), EngineGarbage, id="no metrics"),
        pytest.param(Page(b"vllm:num_requests_running \xff\n", "text/plain"), EngineGarbage, id="no UTF-8"),
        pytest.param(Page("vllm:num_requests_running NaN\n", "text/plain"), EngineGarbage, id="NaN"),
        pytest.param(Page("", "text/plain", 500), EngineUnavailable, id="status 500"),
        pytest.param(Page("", "text/plain", 404), EngineUnavailable, id="status 404"),
        pytest.param(Page("", "text/plain", 403), EngineUnavailable, id="status 403"),
    ],
)
def test_bad_metrics_are_a_typed_error(scripted: ScriptedVllm, page: Page, error: type[Exception]) -> None:
    scripted.pages["/metrics"] = page
    with pytest.raises(error):
        load_of(scripted)


def test_metrics_that_do_not_come_time_out(scripted: ScriptedVllm) -> None:
    scripted.pages["/metrics"] = None
    with pytest.raises(EngineTimeout):
        load_of(scripted, load_seconds=0.2)


def test_no_server_no_metrics(scripted: ScriptedVllm) -> None:
    scripted.close_port()
    with pytest.raises(EngineUnavailable):
        load_of(scripted)
