"""A span for each request, so that what is sent on from it belongs to one trace. Only there where somebody traces."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ocr_pipeline.adapters.tracing import Side, Tracing

_SERVER_FAULT = 500


class TraceRequests:
    """ASGI middleware. A trace that a client or a proxy began goes on; nothing else that they say of it is kept."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":
                await to_thread.run_sync(self._tracing.close)
            return
        request, status = Request(scope), _SERVER_FAULT
        begun = request.headers.get("traceparent")
        with self._tracing.span("request", Side.SERVER, {} if begun is None else {"traceparent": begun}) as span:

            async def send_noted(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            await self._app(scope, receive, send_noted)
            route = scope.get("route")
            span.note("route", route.path if isinstance(route, Route) else "unknown")
            span.note("status", status)
            if status >= _SERVER_FAULT:
                span.failed()
