"""How the scripted model server may behave (see `scripted_vllm`): one small class a behaviour.

Anything with `async def answer(call)` is a behaviour; these are the ones that tests needed so far.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

from tests.scripted_call import Ask, Call, event_bytes
from tests.scripted_http import Page

Splitting = Callable[[str], Sequence[str | bytes]]
Logprobs = float | Callable[[int, str], float | None]


class Behaviour(Protocol):
    """Answers one request."""

    async def answer(self, call: Call) -> None:
        """Return when done; a client that goes away cancels this."""
        ...


def by_words(text: str) -> list[str]:
    """Words with the white space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


def by_characters(text: str) -> list[str]:
    """One token a character."""
    return list(text)


def by_bytes(text: str) -> list[bytes]:
    """One token a UTF-8 byte; the text shows a character with its last byte."""
    return [bytes([byte]) for byte in text.encode()]


class Listing(StrEnum):
    """What the list of log-probabilities says: all, the first half, nothing, or other tokens than the text."""

    WHOLE = "whole"
    HALF = "half"
    NONE = "none"
    CONTRADICTING = "contradicting"


@dataclass(frozen=True)
class Says:
    """Writes `text`, at most as many tokens as were asked for. All waits are in seconds.

    `logprob` is one for all tokens or a function of position and text. `answer_id` replaces the right one; `counted`
    says whether tokens are counted at the end. Bytes as tokens are listed raw, as servers other than vLLM do.
    """

    text: str
    split: Splitting = by_words
    logprob: Logprobs = -0.01
    listing: Listing = Listing.WHOLE
    finish: str = "stop"
    stop_reason: str | int | None = None
    first_token_after: float = 0.0
    token_every: float = 0.0
    answer_id: str | None = None
    counted: bool = True
    end_token: str = "<|im_end|>"

    async def answer(self, call: Call) -> None:
        """Stream the text."""
        call.answer_id = self.answer_id or call.answer_id
        await call.open_stream()
        async with call.turn():
            await asyncio.sleep(self.first_token_after)
            sent = 0
            for event in self.events(call):
                if 0 < sent < call.ask.tokens:
                    await asyncio.sleep(self.token_every)
                sent = call.ask.tokens
                await call.event(event)
        await call.event("[DONE]")
        await call.close_stream()

    def events(self, call: Call) -> Iterator[dict[str, object]]:
        """Everything up to the closing mark, one event a token."""
        tokens, room = list(self.split(self.text)), int(call.ask.body.get("max_tokens") or 1 << 30)
        finish, stop_reason = (self.finish, self.stop_reason) if len(tokens) <= room else ("length", None)
        tokens = tokens[:room]
        decoder = codecs.getincrementaldecoder("utf-8")()
        yield call.chunk("", logprobs=None)
        for position, token in enumerate(tokens):
            call.ask.tokens += 1
            text = token if isinstance(token, str) else decoder.decode(token)
            listed = self._listed(position, len(tokens), token) if call.ask.body.get("logprobs") else None
            yield call.chunk(text, logprobs=listed)
        last = self._list(self.end_token, self.end_token.encode(), 0.0) if finish == "stop" else None
        yield call.chunk("", logprobs=last, finish_reason=finish, stop_reason=stop_reason)
        if self.counted:
            usage = {"prompt_tokens": 100, "completion_tokens": len(tokens), "total_tokens": 100 + len(tokens)}
            yield call.envelope([], usage=usage)

    def _listed(self, position: int, total: int, token: str | bytes) -> dict[str, object] | None:
        if self.listing is Listing.NONE or (self.listing is Listing.HALF and position >= total // 2):
            return None
        if self.listing is Listing.CONTRADICTING:
            return self._list("@", b"@", -0.5)
        raw = token if isinstance(token, bytes) else token.encode()
        text = raw.decode(errors="replace")
        return self._list(text, raw, self.logprob if isinstance(self.logprob, float) else self.logprob(position, text))

    @staticmethod
    def _list(text: str, raw: bytes, logprob: float | None) -> dict[str, object]:
        return {"content": [{"token": text, "logprob": logprob, "bytes": list(raw), "top_logprobs": []}]}


def obeys_page() -> Says:
    """A model that did what the page told it to do."""
    return Says("OK")


@dataclass(frozen=True)
class Repeats:
    """A model in a loop: `times` tokens of `unit`, less where a server that `detects` loops was asked to stop them."""

    unit: str = " the"
    times: int = 4096
    detects: bool = False
    token_every: float = 0.0

    async def answer(self, call: Call) -> None:
        """Stream the loop."""
        asked: dict[str, Any] = call.ask.body.get("repetition_detection") or {}
        stops = self.detects and 0 < asked.get("min_count", 0) <= self.times
        loop = Says(
            self.unit * (asked["min_count"] if stops else self.times),
            split=lambda text: [self.unit] * (len(text) // len(self.unit)),
            token_every=self.token_every,
        )
        ending = {"finish": "repetition", "stop_reason": "repetition_detected"}
        await (replace(loop, finish=ending["finish"], stop_reason=ending["stop_reason"]) if stops else loop).answer(
            call
        )


@dataclass(frozen=True)
class DiesAfter:
    """Breaks the connection off after so many events of `says`, with a TCP reset or a plain close."""

    events: int = 3
    says: Says = Says("one two three four five six")
    reset: bool = True

    async def answer(self, call: Call) -> None:
        """Stream a part."""
        await call.open_stream()
        async with call.turn():
            for _, event in zip(range(self.events), self.says.events(call), strict=False):
                await call.event(event)
            # What was written must be on its way, or a reset would overtake it.
            await asyncio.sleep(0.01)
            call.cut(reset=self.reset)


@dataclass(frozen=True)
class Hangs:
    """Takes the request and never says a word, headers included unless `opens`."""

    opens: bool = False

    async def answer(self, call: Call) -> None:
        """Wait for the client to go."""
        if self.opens:
            await call.open_stream()
        async with call.turn():
            await asyncio.Event().wait()


@dataclass(frozen=True)
class Drips:
    """A right answer, one byte every so many seconds."""

    says: Says = Says("one two three")
    byte_every: float = 1.0

    async def answer(self, call: Call) -> None:
        """Drip it."""
        await call.open_stream()
        async with call.turn():
            for event in [*self.says.events(call), "[DONE]"]:
                for byte in event_bytes(event):
                    await call.send(bytes([byte]))
                    await asyncio.sleep(self.byte_every)
        await call.close_stream()


@dataclass(frozen=True)
class Fails:
    """An error status with vLLM's JSON body. `code` is that of the body, `retry_after` goes out as it is."""

    status: int = 500
    message: str = "Internal server error"
    code: object = None
    retry_after: str | None = None

    async def answer(self, call: Call) -> None:
        """Refuse."""
        code = self.status if self.code is None else self.code
        error = {"message": self.message, "type": "Error", "param": None, "code": code}
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        await call.reply(Page(json.dumps({"error": error}), status=self.status), headers)


def overloaded(retry_after: str | None = "3", *, status: int = 429) -> Fails:
    """A server that takes no more work."""
    return Fails(status, "The engine is currently busy and cannot accept new requests.", retry_after=retry_after)


def too_long() -> Fails:
    """vLLM's words for a prompt that does not fit."""
    return Fails(
        400,
        "This model's maximum context length is 4096 tokens. However, your prompt contains 5000 input tokens, which"
        " exceeds this limit even without any output tokens. (parameter=input_tokens, value=5000)",
    )


@dataclass(frozen=True)
class Replies:
    """Any whole answer."""

    page: Page

    async def answer(self, call: Call) -> None:
        """Reply."""
        await call.reply(self.page)


def html_page() -> Replies:
    """A proxy's page, with a good status."""
    return Replies(Page("<html><body><h1>Welcome</h1></body></html>", "text/html"))


@dataclass(frozen=True)
class Streams:
    """Any bytes as the body of a stream of events; `closes` says whether the stream gets its proper end."""

    pieces: tuple[bytes, ...]
    kind: str = "text/event-stream"
    closes: bool = True

    async def answer(self, call: Call) -> None:
        """Stream the bytes."""
        await call.open_stream(kind=self.kind)
        async with call.turn():
            for piece in self.pieces:
                await call.send(piece)
        if self.closes:
            await call.close_stream()
        else:
            call.cut(reset=False)


def invalid_utf8() -> Streams:
    """A stream that is no text."""
    return Streams((b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\n',))


def error_in_stream(message: str = "EngineCore died", code: object = 500) -> Streams:
    """What vLLM writes when an answer fails under way."""
    error = json.dumps({"error": {"message": message, "type": "InternalServerError", "param": None, "code": code}})
    return Streams((event_bytes(error), event_bytes("[DONE]")))


@dataclass(frozen=True)
class ByRequest:
    """Another behaviour for each request, as `choose` says."""

    choose: Callable[[Ask], Behaviour]

    async def answer(self, call: Call) -> None:
        """Answer as chosen."""
        await self.choose(call.ask).answer(call)
