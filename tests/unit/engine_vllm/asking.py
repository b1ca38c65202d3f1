"""Requests and readings that the tests of the vLLM adapter share."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

from PIL import Image

from ocr_pipeline.adapters.engines.vllm import VllmServer
from ocr_pipeline.adapters.engines.vllm.answer import Answer
from ocr_pipeline.adapters.engines.vllm.sse import EventStream
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.generation import Finish, GenerationRequest, Sampling, Token
from tests.scripted_vllm import ScriptedVllm

REQUEST_ID = "page-7-try-1"


def picture(form: str = "PNG", mode: str = "L") -> PageImage:
    buffer = io.BytesIO()
    Image.new(mode, (8, 6), 255 if mode in {"1", "L"} else "white").save(buffer, form)
    return PageImage(buffer.getvalue(), f"image/{form.lower()}", 8, 6)


def make_request(**changes: Any) -> GenerationRequest:
    fields: dict[str, Any] = {
        "model": "ocr",
        "request_id": REQUEST_ID,
        "page": picture(),
        "prompt": "Read the page.",
        "sampling": Sampling(),
        "max_tokens": 512,
        "priority": 0,
    }
    return GenerationRequest(**{**fields, **changes})


def patient(url: str, **settings: Any) -> VllmServer:
    """A client that gives a server of the same busy machine all the time it needs, where not told otherwise."""
    return VllmServer(url, **{"stall_seconds": 120.0, "connect_seconds": 120.0, "load_seconds": 120.0, **settings})


async def read(server: VllmServer, request: GenerationRequest | None = None) -> list[Token | Finish]:
    async with aclosing(server.generate(request or make_request())) as answer:
        return [said async for said in answer]


def ask(scripted: ScriptedVllm, request: GenerationRequest | None = None, **settings: Any) -> list[Token | Finish]:
    """One generation with a client of its own."""

    async def reading() -> list[Token | Finish]:
        server = patient(scripted.url, **settings)
        try:
            return await read(server, request)
        finally:
            await server.close()

    return asyncio.run(reading())


def decode(chunks: Iterable[bytes], request_id: str = REQUEST_ID) -> list[Token | Finish]:
    """What an answer's bytes say, without a server."""
    events, answer = EventStream(), Answer(request_id)
    said = [piece for chunk in chunks for event in events.feed(chunk) for piece in answer.take(event)]
    return [*said, *answer.end()]


def text_of(said: Iterable[Token | Finish]) -> str:
    return "".join(piece.text for piece in said if isinstance(piece, Token))


def tokens_of(said: Iterable[Token | Finish]) -> list[tuple[str, float | None]]:
    return [(piece.text, piece.logprob) for piece in said if isinstance(piece, Token)]
