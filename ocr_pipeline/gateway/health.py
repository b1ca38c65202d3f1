"""Whether this process lives, and whether documents handed in now would be read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ocr_pipeline.bootstrap.metrics_server import collected
from ocr_pipeline.domain.errors import PipelineError

Check = Callable[[], None]
"""Raises what is wrong."""

_FRESH_SECONDS = 5.0
_PATIENCE_SECONDS = 3.0
"""Less than the probes in `deploy/` wait: they are to hear what is away, not to be left without an answer."""

router = APIRouter(tags=["health"])


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check said: nothing, or the code of its failure."""

    code: str | None = None

    @property
    def status(self) -> str:
        """`ok`, or the code."""
        return self.code or "ok"


class Health:
    """Checks of the services behind the gateway, each answer good for a few seconds. Lives on one event loop.

    `needed` decide whether the gateway is ready: without them a document cannot be taken in. `told` are shown beside:
    with the broker or the engine away documents are kept, and read later. A check that has not ended after `patience`
    seconds is `no_answer`.
    """

    def __init__(
        self,
        needed: Mapping[str, Check],
        told: Mapping[str, Check],
        *,
        patience: float = _PATIENCE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._needed = frozenset(needed)
        self._checks = {name: _Watched(check) for name, check in {**needed, **told}.items()}
        self._patience = patience
        self._now = now
        self._lock = asyncio.Lock()
        self._found: dict[str, Finding] = {}
        self._looked: float | None = None

    async def findings(self) -> tuple[bool, dict[str, Finding]]:
        """Whether the gateway is ready, and what each check said."""
        async with self._lock:
            if self._looked is None or self._now() - self._looked >= _FRESH_SECONDS:
                found = await asyncio.gather(*(check.finding(self._patience) for check in self._checks.values()))
                self._found = dict(zip(self._checks, found, strict=True))
                self._looked = self._now()
            found_now = self._found
        return all(found_now[name].code is None for name in self._needed), found_now


class _Watched:
    """A check that is never run a second time while it goes on: one that hangs costs one thread, however often asked.

    That is a thread of its own, which neither waits for those of requests nor holds up the end of the process.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._under_way: asyncio.Future[Finding] | None = None

    async def finding(self, patience: float) -> Finding:
        """What it says, as far as it says so in time."""
        if self._under_way is None:
            told: Future[Finding] = Future()
            Thread(target=_run, args=(self._check, told), name="health", daemon=True).start()
            self._under_way = asyncio.wrap_future(told)
        ended, _ = await asyncio.wait({self._under_way}, timeout=patience)
        if not ended:
            return Finding("no_answer")
        found, self._under_way = self._under_way, None
        return found.result()


def _run(check: Check, told: Future[Finding]) -> None:
    try:
        check()
    except PipelineError as error:
        told.set_result(Finding(error.code))
    except BaseException as error:  # noqa: BLE001 - whoever waits for it raises it
        told.set_exception(error)
    else:
        told.set_result(Finding())


@router.get("/health/live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    """Says yes for as long as the process can."""
    return {"status": "ok"}


@router.get("/health/ready", summary="Whether documents can be taken in", responses={503: {"description": "Not now."}})
async def ready(request: Request) -> JSONResponse:
    """503 when a document could not be kept: the database, the object store or the key provider is away."""
    health: Health = request.app.state.service.health
    is_ready, found = await health.findings()
    body = {
        "status": "ok" if is_ready else "unavailable",
        "checks": {name: finding.status for name, finding in found.items()},
    }
    return JSONResponse(body, 200 if is_ready else 503, {"Cache-Control": "no-store"})


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> PlainTextResponse:
    """What the gateway counts, for Prometheus. The proxies in `deploy/` do not let it out."""
    registry = collected(request.app.state.service.metrics.registry)
    return PlainTextResponse(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
