"""The gateway's app, put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager

from fastapi import FastAPI, Request
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry

from ocr_pipeline import __version__, logs
from ocr_pipeline.adapters.clock import RandomIds
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.gateway import changes, docs, events, health, object_events, results, submit
from ocr_pipeline.gateway.openapi import describe
from ocr_pipeline.gateway.operations import routes as operations
from ocr_pipeline.gateway.operations.pages import Pages
from ocr_pipeline.gateway.problem_catalog import CATALOG
from ocr_pipeline.gateway.problems import Problem, install
from ocr_pipeline.gateway.service import Service
from ocr_pipeline.gateway.telemetry import GatewayMetrics, Telemetry

_THREADS = 40
"""Requests that wait for the database or the store at once; the others wait for a thread."""

_LOG = logs.get(__name__)

Opening = Callable[[GatewayMetrics], AbstractContextManager[Service]]


def create(opening: Opening) -> FastAPI:
    """An app that opens its service when the server starts, and closes it when the server stops."""
    metrics = GatewayMetrics(CollectorRegistry())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "gateway"))
        async with AsyncExitStack() as stack:
            with _told():
                service = await stack.enter_async_context(contextmanager_in_threadpool(opening(metrics)))
            app.state.service = service
            await stack.enter_async_context(service.watch.running())
            yield

    app = FastAPI(
        title="OCR pipeline",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.operations = Pages()
    for routes in (submit, results, changes, events, object_events, operations, health, docs):
        app.include_router(routes.router)
    app.add_api_route("/problems/{code}", _describe_problem, include_in_schema=False, response_class=HTMLResponse)
    app.add_middleware(Telemetry, metrics=metrics, ids=RandomIds())
    install(app)
    describe(app, __version__)
    return app


@contextmanager
def _told() -> Iterator[None]:
    """Say why the gateway does not start: the server itself says only that it does not."""
    try:
        yield
    except PipelineError as error:
        _LOG.error("the gateway cannot start", code=error.code, problem=str(error))
        raise
    except Exception as error:
        _LOG.error("the gateway cannot start", exc_info=error)
        raise


async def _describe_problem(code: str, request: Request) -> HTMLResponse:
    """The page that a problem's `type` leads to."""
    del request
    kind = CATALOG.get(code)
    if kind is None:
        raise Problem("not_found")
    return HTMLResponse(
        f"<!doctype html><meta charset=utf-8><title>{kind.title}</title><h1>{kind.title}</h1><p>{kind.advice}</p>"
        f"<hr><h1 lang=ko>{kind.title_ko}</h1><p lang=ko>{kind.advice_ko}</p>"
        f"<p>Code <code>{code}</code>, HTTP status {kind.status}.</p>"
    )
