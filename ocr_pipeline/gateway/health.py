"""Whether this process lives, and whether documents handed in now would be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from ocr_pipeline.bootstrap.metrics_server import collected
from ocr_pipeline.domain.errors import PipelineError

Check = Callable[[], None]
"""Raises what is wrong."""

_FRESH_SECONDS = 5.0

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
    """Checks of the services behind the gateway, each answer good for a few seconds. Safe between threads.

    `needed` decide whether the gateway is ready: without them a document cannot be taken in. `told` are shown beside:
    with the broker or the engine away documents are kept, and read later.
    """

    def __init__(
        self, needed: Mapping[str, Check], told: Mapping[str, Check], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._needed = dict(needed)
        self._told = dict(told)
        self._now = now
        self._lock = Lock()
        self._found: dict[str, Finding] = {}
        self._looked: float | None = None
        self.limiter = CapacityLimiter(2)

    def findings(self) -> tuple[bool, dict[str, Finding]]:
        """Whether the gateway is ready, and what each check said."""
        with self._lock:
            if self._looked is None or self._now() - self._looked >= _FRESH_SECONDS:
                self._found = {name: _run(check) for name, check in {**self._needed, **self._told}.items()}
                self._looked = self._now()
            found = self._found
        return all(found[name].code is None for name in self._needed), found


def _run(check: Check) -> Finding:
    try:
        check()
    except PipelineError as error:
        return Finding(error.code)
    return Finding()


@router.get("/health/live", summary="Whether the process answers")
async def live() -> dict[str, str]:
    """Says yes for as long as the process can."""
    return {"status": "ok"}


@router.get("/health/ready", summary="Whether documents can be taken in", responses={503: {"description": "Not now."}})
async def ready(request: Request) -> JSONResponse:
    """503 when a document could not be kept: the database, the object store or the key provider is away."""
    health: Health = request.app.state.service.health
    is_ready, found = await to_thread.run_sync(health.findings, limiter=health.limiter)
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
