"""A short text fetched over HTTP within bounds of time and size."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

import httpx

from ocr_pipeline.adapters.engines.vllm.failures import from_transport
from ocr_pipeline.domain.errors import EngineError, EngineGarbage, EngineTimeout, EngineUnavailable

MAX_BYTES = 8 << 20
_PLAIN = ("text/plain", "application/openmetrics-text")


async def get_metrics(
    client: httpx.AsyncClient, url: str, *, seconds: float, headers: Mapping[str, str] | None = None
) -> str:
    """The metrics page at `url`, in all within `seconds`.

    Raises EngineUnavailable, EngineTimeout, and EngineGarbage for what is no plain text, without cause or context.
    """
    failure: EngineError = EngineTimeout("the metrics did not come in time")
    try:
        async with asyncio.timeout(seconds):
            content = await _content(client, url, dict(headers or {}))
    except TimeoutError:
        content = None
    except httpx.HTTPError as error:
        failure, content = from_transport(error), None
    if content is None:
        raise failure
    with suppress(UnicodeDecodeError):
        return content.decode()
    raise EngineGarbage("the metrics are not UTF-8")


async def _content(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bytes:
    content = bytearray()
    # Bounded as a whole by the caller.
    async with client.stream("GET", url, headers=headers, timeout=None) as answer:
        if answer.status_code != HTTPStatus.OK:
            raise EngineUnavailable(f"the metrics cannot be had (status {answer.status_code})")
        if not answer.headers.get("Content-Type", "").lower().startswith(_PLAIN):
            raise EngineGarbage("what stands for metrics is no plain text")
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > MAX_BYTES:
                raise EngineGarbage("the metrics are too long")
    return bytes(content)
