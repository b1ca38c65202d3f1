"""A server that writes, token by token, what a model sees in a page image."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ocr_pipeline.ports.engine import PageImage


@dataclass(frozen=True, slots=True)
class RepetitionStop:
    """A server's own loop detection: stop when a pattern of at most `longest` tokens stands `count` times in a row."""

    longest: int
    count: int


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `temperature` 0 always takes the likeliest.

    `extra` are fields that only some servers know, sent as they are.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    repetition: RepetitionStop | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One page and what to do with it.

    `request_id` names the request on both sides and holds nothing of the document; `priority` is lower for who goes
    first; `max_pixels` bounds what the server scales the image to, None leaves that to the server; `image_first` puts
    the picture before the prompt.
    """

    model: str
    request_id: str
    page: PageImage
    prompt: str = field(repr=False)
    sampling: Sampling
    max_tokens: int
    priority: int
    system: str | None = field(default=None, repr=False)
    min_pixels: int | None = None
    max_pixels: int | None = None
    image_first: bool = True
    logprobs: bool = True


@dataclass(frozen=True, slots=True)
class Token:
    """What one token added to the text (nothing, while a character is still in pieces).

    `logprob` is the natural logarithm of its probability, None where the server did not say.
    """

    text: str = field(repr=False)
    logprob: float | None = None


class FinishReason(StrEnum):
    """Why a generation ended."""

    STOP = "stop"
    LENGTH = "length"
    REPETITION = "repetition"


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a generation, and what it cost in tokens (None where the server did not say)."""

    reason: FinishReason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """What a server says of itself: requests running and waiting, and the share [0, 1] of its cache in use.

    GPU memory is in bytes, 0 where nobody measured it.
    """

    running: int = 0
    waiting: int = 0
    cache_usage: float = 0.0
    gpu_count: int = 1
    gpu_memory_used: int = 0
    gpu_memory_total: int = 0


class GenerationServer(Protocol):
    """One server. Used from one event loop alone."""

    @property
    def id(self) -> str:
        """Stable name of the server, `host:port`; a metrics label."""
        ...

    def generate(self, request: GenerationRequest) -> AsyncGenerator[Token | Finish, None]:
        """Tokens as they come, then one Finish. Closing the iterator early frees the server's slot.

        Raises EngineUnavailable when the server cannot be reached, breaks off or fails by its own account;
        EngineOverloaded when it refuses for load; EngineTimeout when it stays silent too long; ContextTooLong and
        EngineRefused when it will never take this request; EngineGarbage when what it says makes no sense;
        PageUnreadable for an image that cannot be put into a form that servers take.
        """
        ...

    async def load(self) -> ServerLoad:
        """How busy it is. Raises EngineUnavailable, EngineTimeout, EngineGarbage."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
