"""The events of one answer as tokens and an end, or a typed error."""

from __future__ import annotations

from collections.abc import Iterator

from ocr_pipeline.adapters.engines.vllm.attribution import Attribution
from ocr_pipeline.adapters.engines.vllm.chunks import Chunk, Usage, parse
from ocr_pipeline.adapters.engines.vllm.failures import from_error_object
from ocr_pipeline.adapters.engines.vllm.sse import Event
from ocr_pipeline.domain.errors import EngineGarbage, EngineUnavailable
from ocr_pipeline.ports.generation import Finish, FinishReason, Token

ID_PREFIX = "chatcmpl-"
_DONE = "[DONE]"
_GIVEN_UP = frozenset({"abort", "error"})
"""How a server ends an answer that it could not finish, through no fault of the page."""


class Answer:
    """Reads the answer to the request of one id."""

    def __init__(self, request_id: str) -> None:
        self._ids = frozenset({request_id, ID_PREFIX + request_id})
        self._attribution = Attribution()
        self._reason: FinishReason | None = None
        self._usage: Usage | None = None
        self._complete = False

    @property
    def complete(self) -> bool:
        """Whether the Finish was given; whatever still comes is no part of the answer."""
        return self._complete

    def take(self, event: Event) -> Iterator[Token | Finish]:
        """What one event adds.

        Raises EngineGarbage where it makes no sense or answers another request, and what the server says went wrong
        (see `failures`).
        """
        if self._complete:
            return
        if event.data == _DONE:
            yield self._finish()
            return
        chunk = parse(event.data)
        if chunk.error is not None:
            raise from_error_object(chunk.error)
        self._check(chunk)
        self._usage = chunk.usage or self._usage
        yield from self._attribution.add(chunk.content, chunk.entries)
        if chunk.finish_reason is not None:
            self._reason = _reason(chunk.finish_reason)
            yield from self._attribution.rest()

    def end(self) -> Iterator[Finish]:
        """The stream is over. Raises EngineUnavailable where the answer is not.

        Servers that count no tokens leave the closing mark out; the reason why an answer ended is enough.
        """
        if self._complete:
            return
        if self._reason is None:
            raise EngineUnavailable("the model server broke off its answer")
        yield self._finish()

    def _check(self, chunk: Chunk) -> None:
        if chunk.answer_id is not None and chunk.answer_id not in self._ids:
            raise EngineGarbage("the model server answered another request")
        if self._reason is not None and (chunk.content or chunk.finish_reason is not None):
            raise EngineGarbage("the model server went on after the end of its answer")

    def _finish(self) -> Finish:
        if self._reason is None:
            raise EngineGarbage("the model server closed an answer that had no end")
        self._complete = True
        usage = self._usage or Usage(None, None)
        return Finish(self._reason, usage.prompt_tokens, usage.completion_tokens)


def _reason(said: str) -> FinishReason:
    """The reason by its name; `repetition` is what vLLM says where its own loop detection fired.

    Raises EngineGarbage for a name that is none, EngineUnavailable where the server gave up.
    """
    if said in _GIVEN_UP:
        raise EngineUnavailable("the model server gave up its answer")
    if said not in {reason.value for reason in FinishReason}:
        raise EngineGarbage("the model server's answer ended for no known reason")
    return FinishReason(said)
