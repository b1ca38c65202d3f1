"""What the gateway counts, and one log line a request: ids, never an address's query, never a word of content."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable

from fastapi import Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_pipeline import logs
from ocr_pipeline.ports.clock import Ids

Next = Callable[[Request], Awaitable[Response]]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PRIVATE = (b"cache-control", b"no-store")
"""A signed request has no Authorization, so caches on the way do not know that its answer is one client's alone."""


class GatewayMetrics:
    """The gateway's counters, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "ocr_gateway_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "ocr_gateway_request_duration_seconds",
            "Time from the request's first byte to the answer's last.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.limited_alone = Counter(
            "ocr_gateway_limited_alone",
            "Requests counted by this process alone, as the shared buckets did not answer.",
            registry=registry,
        )
        self.received_bytes = Counter("ocr_gateway_received_bytes", "Bytes of documents taken in.", registry=registry)


class Telemetry:
    """ASGI middleware: a request id, security headers, a metric and a log line for each request."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics, ids: Ids) -> None:
        self._app = app
        self._metrics = metrics
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.request_id = self._request_id(request)
        began, status = time.monotonic(), 500

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._completed(request, message["headers"])
            await send(message)

        with logs.bind_context(request=request.state.request_id):
            try:
                await self._app(scope, receive, send_marked)
            finally:
                self._record(request, status, time.monotonic() - began)

    def _request_id(self, request: Request) -> str:
        """The one a proxy in front gave, where it has a harmless form; else a new one."""
        given = request.headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else str(self._ids.new())

    def _completed(self, request: Request, own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers of an answer and ours; one that the answer sets itself is left as it is."""
        given = list(own)
        names = {name.lower() for name, _ in given}
        return [*given, *((name, value) for name, value in self._headers(request) if name not in names)]

    @staticmethod
    def _headers(request: Request) -> list[tuple[bytes, bytes]]:
        limits: dict[str, str] = getattr(request.state, "limit_headers", {})
        shown = [(name.lower().encode(), value.encode()) for name, value in limits.items()]
        private = (_PRIVATE,) if request.scope["path"].startswith("/v1/") else ()
        return [(b"x-request-id", request.state.request_id.encode()), *shown, *_SECURITY, *private]

    def _record(self, request: Request, status: int, seconds: float) -> None:
        route = request.scope.get("route")
        template = route.path if isinstance(route, Route) else "unknown"
        method = request.method if request.method in _METHODS else "other"
        self._metrics.requests.labels(method, template, str(status)).inc()
        self._metrics.seconds.labels(method, template).observe(seconds)
        logs.get(__name__).info(
            "request",
            method=method,
            route=template,
            status=status,
            seconds=round(seconds, 4),
            client=getattr(request.state, "client_id", None),
        )
