"""Bodies as they stream in: bounded in size, in time and by their signed digest, never held whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from starlette.requests import ClientDisconnect

from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.gateway.auth import BodyDigest
from ocr_pipeline.gateway.problems import Problem


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Bytes a body may have, seconds it may take in all, and seconds it may stand still."""

    max_bytes: int
    seconds: float
    idle_seconds: float


class Body:
    """The body of one request, to be read once, and held against the digest that was signed."""

    def __init__(self, request: Request, limits: BodyLimits, digest: BodyDigest) -> None:
        self._request = request
        self._limits = limits
        self._digest = digest
        self._size = 0
        self._refuse_what_is_announced_too_large()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive.

        Raises Refused (too_large), Problem for a body that is too slow or breaks off, and DigestMismatch: that only
        after the last piece, so nothing may be kept before this has ended.
        """
        ends = time.monotonic() + self._limits.seconds
        stream = aiter(self._request.stream())
        while True:
            try:
                async with asyncio.timeout(min(self._limits.idle_seconds, ends - time.monotonic())):
                    chunk = await anext(stream, None)
            except TimeoutError:
                raise Problem("body_too_slow", headers={"Connection": "close"}) from None
            except ClientDisconnect:
                raise Problem("malformed_body", "The body broke off.") from None
            if chunk is None:
                break
            self._count(chunk)
            if chunk:
                yield chunk
        self._digest.finish()

    async def whole(self, most: int) -> bytes:
        """A small body of at most so many bytes. Raises as `chunks`."""
        data = bytearray()
        async for chunk in self.chunks():
            data += chunk
            if len(data) > most:
                raise _too_large(most)
        return bytes(data)

    def _count(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limits.max_bytes:
            raise _too_large(self._limits.max_bytes)
        self._digest.update(chunk)

    def _refuse_what_is_announced_too_large(self) -> None:
        announced = self._request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > self._limits.max_bytes:
            raise _too_large(self._limits.max_bytes)


def _too_large(most: int) -> Refused:
    return Refused(RefusalReason.TOO_LARGE, f"The body may have at most {most} bytes.", limit=f"max_bytes={most}")
