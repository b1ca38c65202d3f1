"""One event's data as a piece of a chat completion: JSON in, checked types out.

What is absent or null is None or empty; what is there in the wrong shape is garbage. No error here quotes a word of it.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from dataclasses import dataclass, field

from ocr_pipeline.domain.errors import EngineGarbage

_UNKNOWN_LOGPROB = -9999.0
"""What vLLM says where it has no log-probability, and for any that is lower."""

_BYTE_VALUES = range(256)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the log-probability list says of one token. `raw` are its bytes, None where the server did not say."""

    text: str = field(repr=False)
    raw: bytes | None = field(default=None, repr=False)
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and written, None where the server did not say."""

    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of an answer: the text it adds, and what is said of the tokens behind it."""

    answer_id: str | None = None
    content: str = field(default="", repr=False)
    entries: tuple[Entry, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    error: object = field(default=None, repr=False)


def parse(data: str) -> Chunk:
    """The chunk that an event's data holds; `error` is set, and nothing else, where the server reports one.

    Raises EngineGarbage.
    """
    chunk = _object(_json(data))
    if chunk.get("error") is not None:
        return Chunk(error=chunk["error"])
    choice = _choice(chunk.get("choices"))
    return Chunk(
        answer_id=_text(chunk.get("id")),
        content=_text(_object(choice.get("delta")).get("content")) or "",
        entries=_entries(choice.get("logprobs")),
        finish_reason=_text(choice.get("finish_reason")),
        usage=_usage(chunk.get("usage")),
    )


def _json(data: str) -> object:
    # Raised outside the handler: the decoder's own error holds the whole document. A number too long to convert is a
    # ValueError, brackets nested too deeply are a RecursionError.
    with suppress(ValueError, RecursionError):
        value: object = json.loads(data)
        return value
    raise EngineGarbage("the model server's answer is not JSON")


def _choice(choices: object) -> dict[str, object]:
    """The one choice, empty where the chunk has none, as the last one that only counts tokens."""
    if not isinstance(choices, list) or len(choices) > 1:
        raise _misshapen()
    if not choices:
        return {}
    choice = _object(choices[0])
    if choice.get("index", 0) != 0:
        raise _misshapen()
    return choice


def _entries(logprobs: object) -> tuple[Entry, ...]:
    content = _object(logprobs).get("content")
    if content is None:
        return ()
    if not isinstance(content, list):
        raise _misshapen()
    return tuple(_entry(_object(said)) for said in content)


def _entry(said: dict[str, object]) -> Entry:
    return Entry(_text(said.get("token")) or "", _raw(said.get("bytes")), _logprob(said.get("logprob")))


def _raw(values: object) -> bytes | None:
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, int) and value in _BYTE_VALUES for value in values):
        raise _misshapen()
    return bytes(values)


def _logprob(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _misshapen()
    # Integers beyond every float are no probabilities either.
    with suppress(OverflowError):
        logprob = float(value)
        if math.isfinite(logprob) and logprob > _UNKNOWN_LOGPROB:
            return min(logprob, 0.0)
    return None


def _usage(usage: object) -> Usage | None:
    if usage is None:
        return None
    counts = _object(usage)
    return Usage(_count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens")))


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def _text(value: object) -> str | None:
    """A string that can be written as UTF-8: JSON can spell half a surrogate pair, which no file may hold."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _misshapen()
    with suppress(UnicodeEncodeError):
        value.encode()
        return value
    raise EngineGarbage("the model server's answer is not Unicode text")


def _object(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _misshapen()
    return value


def _misshapen() -> EngineGarbage:
    return EngineGarbage("the model server's answer does not have the shape of a chat completion")
