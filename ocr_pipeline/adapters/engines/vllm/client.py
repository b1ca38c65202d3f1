"""One vLLM server over HTTP.

Errors leave here without a cause or a context: what httpx, JSON and the codecs raise may hold what the server wrote.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import httpx

from ocr_pipeline.adapters.engines.vllm.answer import Answer
from ocr_pipeline.adapters.engines.vllm.bounded_get import get_metrics
from ocr_pipeline.adapters.engines.vllm.discovery import base_address, server_id
from ocr_pipeline.adapters.engines.vllm.failures import from_status, from_transport
from ocr_pipeline.adapters.engines.vllm.gpu_memory import NOT_MEASURED, GpuMemory, GpuUse
from ocr_pipeline.adapters.engines.vllm.metrics import parse_load
from ocr_pipeline.adapters.engines.vllm.request_body import authorisation, encode, headers
from ocr_pipeline.adapters.engines.vllm.sse import EventStream
from ocr_pipeline.domain.errors import EngineError, EngineGarbage, EngineUnavailable
from ocr_pipeline.ports.generation import Finish, GenerationRequest, ServerLoad, Token

_EVENT_STREAM = "text/event-stream"
_MAX_ERROR_BODY = 1 << 16
_FAREWELL_SECONDS = 0.5
_IDLE_SECONDS = 2.0


class VllmServer:
    """A GenerationServer. Times are in seconds.

    `base_url` may end in `/v1` or not. A server that sends no byte for `stall_seconds`, be it that the request waits
    there for its turn, has failed. A `client` that is given stays its owner's, who may share it between servers;
    without one the server has its own. Raises ConfigurationError for what is no http or https address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client: httpx.AsyncClient | None = None,
        api_key: str | None = None,
        stall_seconds: float = 30.0,
        connect_seconds: float = 3.0,
        load_seconds: float = 5.0,
        gpu_memory: GpuMemory | None = None,
    ) -> None:
        self._base = base_address(base_url)
        self._id = server_id(base_url)
        self._owns_client = client is None
        self._client = client or new_client(tls=self._base.startswith("https:"))
        self._api_key = api_key
        self._timeout = httpx.Timeout(stall_seconds, connect=connect_seconds)
        self._stall_seconds = stall_seconds
        self._load_seconds = load_seconds
        self._gpu_memory = gpu_memory

    @property
    def id(self) -> str:
        """`host:port`."""
        return self._id

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[Token | Finish, None]:
        """As GenerationServer. Closing the generator closes the connection, on which vLLM gives the request up.

        Raises PageUnreadable, too, for a TIFF that cannot be decoded.
        """
        events, answer = EventStream(), Answer(request.request_id)
        async with aclosing(self._chunks(request)) as chunks:
            async for chunk in chunks:
                for event in events.feed(chunk):
                    for said in answer.take(event):
                        yield said
                if answer.complete:
                    await _run_out(chunks)
        for finish in answer.end():
            yield finish

    async def load(self) -> ServerLoad:
        """As GenerationServer; the GPUs count as not measured where nobody was given who measures them."""
        self._check_open()
        load = parse_load(await self._metrics())
        gpus = await self._gpus()
        if gpus == NOT_MEASURED:
            return load
        return replace(load, gpu_count=gpus.count, gpu_memory_used=gpus.used, gpu_memory_total=gpus.total)

    async def close(self) -> None:
        """As GenerationServer; a client that was given stays open."""
        if self._owns_client:
            await self._client.aclose()

    async def _chunks(self, request: GenerationRequest) -> AsyncGenerator[bytes, None]:
        """The answer's body as it comes."""
        self._check_open()
        content = await asyncio.to_thread(encode, request)
        failure: EngineError | None = None
        try:
            async with self._client.stream(
                "POST",
                f"{self._base}/v1/chat/completions",
                content=content,
                headers=headers(request, self._api_key),
                timeout=self._timeout,
            ) as response:
                await self._check(response)
                async for chunk in response.aiter_bytes():
                    yield chunk
        except httpx.HTTPError as error:
            failure = from_transport(error)
        if failure is not None:
            raise failure

    async def _check(self, response: httpx.Response) -> None:
        """Raise what an answer means that is no stream of events."""
        if response.status_code != HTTPStatus.OK:
            body = await self._error_body(response)
            retry_after = response.headers.get("Retry-After")
            raise from_status(response.status_code, body, retry_after=retry_after, now=datetime.now(UTC))
        if not response.headers.get("Content-Type", "").lower().startswith(_EVENT_STREAM):
            raise EngineGarbage("the model server's answer is no stream of events")

    async def _error_body(self, response: httpx.Response) -> bytes:
        """The beginning of an error's body: as much of it as comes and is needed."""
        body = bytearray()
        with suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(self._stall_seconds):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_ERROR_BODY:
                        break
        return bytes(body[:_MAX_ERROR_BODY])

    async def _metrics(self) -> str:
        url = f"{self._base}/metrics"
        return await get_metrics(self._client, url, seconds=self._load_seconds, headers=authorisation(self._api_key))

    async def _gpus(self) -> GpuUse:
        return NOT_MEASURED if self._gpu_memory is None else await self._gpu_memory.measure()

    def _check_open(self) -> None:
        if self._client.is_closed:
            raise EngineUnavailable("the connection to the model server was closed")


def new_client(*, tls: bool = True) -> httpx.AsyncClient:
    """A client without a limit on connections, which the pool above sets, and deaf to proxies of the environment.

    It gives an idle connection up before vLLM does (5 s), lest a request meet one that is just being closed. Without
    `tls` it trusts no certificate at all, which spares the time to load them.
    """
    trust = ssl.create_default_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=None, keepalive_expiry=_IDLE_SECONDS)
    return httpx.AsyncClient(verify=trust, limits=limits, trust_env=False)


async def _run_out(chunks: AsyncGenerator[bytes, None]) -> None:
    """Read past the end of a complete answer, so that the connection can be used again; not for long."""
    with suppress(EngineError, TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            async for _ in chunks:
                pass
