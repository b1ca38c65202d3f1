"""The scripted server keeps its own promises, since later tests lean on them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import httpx
import pytest

from ocr_pipeline.domain.errors import EngineError, EngineUnavailable
from tests.scripted_vllm import (
    ByRequest,
    Call,
    Fails,
    Hangs,
    Outcome,
    Says,
    ScriptedVllm,
    by_characters,
    overloaded,
)
from tests.unit.engine_vllm.asking import ask, make_request, patient, read, text_of, tokens_of


def test_a_behaviour_for_some_times_then_as_before() -> None:
    with ScriptedVllm(Says("well")) as scripted:
        scripted.behave(overloaded(), times=2)
        for _ in range(2):
            with pytest.raises(EngineError):
                ask(scripted)
        assert text_of(ask(scripted)) == "well"


def test_a_behaviour_for_some_requests() -> None:
    with ScriptedVllm(Says("well")) as scripted:
        scripted.behave(Fails(), when=lambda ask: ask.request_id == "ill")
        assert text_of(ask(scripted)) == "well"
        with pytest.raises(EngineUnavailable):
            ask(scripted, make_request(request_id="ill"))


def test_a_behaviour_chosen_by_the_request() -> None:
    with ScriptedVllm(ByRequest(lambda ask: Says(ask.prompt))) as scripted:
        assert text_of(ask(scripted, make_request(prompt="as asked"))) == "as asked"


def test_tokens_are_split_by_a_rule() -> None:
    with ScriptedVllm(Says("a b", split=by_characters)) as scripted:
        assert [text for text, _ in tokens_of(ask(scripted))] == ["a", " ", "b"]


def test_who_waits_goes_by_priority_then_by_arrival() -> None:
    with ScriptedVllm(Hangs(), slots=1) as scripted:

        async def five() -> None:
            server = patient(scripted.url)
            readings = []
            for position, priority in enumerate([0, 2, 1, 2, 0]):
                request = make_request(request_id=f"{priority}-{position}", priority=priority)
                readings.append(asyncio.create_task(read(server, request)))
                await asyncio.to_thread(scripted.wait_for, lambda it: len(it.asks) == len(readings))
                scripted.behave(Says("one"))
            readings[0].cancel()
            await asyncio.gather(*readings, return_exceptions=True)
            await server.close()

        asyncio.run(five())
        finished = sorted(
            (it for it in scripted.asks if it.outcome is Outcome.FINISHED), key=lambda it: it.started or 0
        )
        assert [it.request_id for it in finished] == ["0-4", "1-2", "2-1", "2-3"]
        assert scripted.asks[0].outcome is Outcome.ABORTED


def test_who_gives_up_waiting_leaves_the_queue() -> None:
    with ScriptedVllm(Hangs(), slots=1) as scripted:

        async def two() -> None:
            server = patient(scripted.url)
            readings = [asyncio.create_task(read(server)) for _ in range(2)]
            await asyncio.to_thread(scripted.wait_for, lambda it: it.waiting == 1)
            for reading in reversed(readings):
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            await asyncio.to_thread(scripted.wait_for, lambda it: it.running == it.waiting == 0)
            await server.close()

        asyncio.run(two())
        assert [it.started is None for it in sorted(scripted.asks, key=lambda it: it.started is None)] == [False, True]


def test_more_slots_let_waiting_requests_run() -> None:
    with ScriptedVllm(Hangs(), slots=1) as scripted:

        async def two() -> None:
            server = patient(scripted.url)
            readings = [asyncio.create_task(read(server)) for _ in range(2)]
            await asyncio.to_thread(scripted.wait_for, lambda it: it.waiting == 1)
            await asyncio.to_thread(scripted.set_slots, 2)
            await asyncio.to_thread(scripted.wait_for, lambda it: it.running == 2)
            for reading in readings:
                reading.cancel()
            await asyncio.gather(*readings, return_exceptions=True)
            await server.close()

        asyncio.run(two())


def test_a_killed_server_resets_what_was_under_way_and_comes_back_on_its_port() -> None:
    with ScriptedVllm(Says("one two three", token_every=60.0)) as scripted:
        port = scripted.port

        async def cut_off() -> None:
            server = patient(scripted.url)
            async with aclosing(server.generate(make_request())) as answer:
                await anext(answer)
                await asyncio.to_thread(scripted.die)
                with pytest.raises(EngineUnavailable):
                    await anext(answer)
            await server.close()

        asyncio.run(cut_off())
        assert scripted.asks[0].outcome is Outcome.BROKEN
        scripted.behave(Says("back"))
        scripted.open_port()
        assert scripted.port == port
        assert text_of(ask(scripted)) == "back"


def test_health_is_well_while_generations_hang() -> None:
    with ScriptedVllm(Hangs()) as scripted:
        assert httpx.get(f"{scripted.url}/health").status_code == 200
        assert httpx.get(f"{scripted.url}/v1/models").json()["data"][0]["id"] == "ocr"
        assert httpx.get(f"{scripted.url}/nowhere").status_code == 404
        with pytest.raises(EngineError):
            ask(scripted, stall_seconds=0.2)


def test_waiting_for_what_never_comes_fails() -> None:
    with ScriptedVllm() as scripted, pytest.raises(AssertionError):
        scripted.wait_for(lambda it: it.running == 1, seconds=0.01)


def test_an_error_inside_a_behaviour_fails_the_test() -> None:
    @dataclass
    class Faulty:
        async def answer(self, call: Call) -> None:
            raise KeyError("a mistake in a test")

    scripted = ScriptedVllm(Faulty()).__enter__()
    with pytest.raises(EngineUnavailable):
        ask(scripted)
    assert scripted.asks[0].outcome is Outcome.BROKEN
    with pytest.raises(KeyError):
        scripted.__exit__(None, None, None)
