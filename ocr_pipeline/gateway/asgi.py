"""Where an ASGI server starts: `uvicorn --factory ocr_pipeline.gateway.asgi:build`, settings from the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Event, Thread

from anyio import Semaphore
from fastapi import FastAPI

from ocr_pipeline import logs
from ocr_pipeline.bootstrap import Application, FrontDoor, application, front_door
from ocr_pipeline.bootstrap.observability import take_snapshot
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.gateway.admission import Admission, LaneDepths, WaitingPages
from ocr_pipeline.gateway.app import create
from ocr_pipeline.gateway.auth import (
    Authenticator,
    BearerTokens,
    Directory,
    JwksKeys,
    SignatureRules,
    SignedRequests,
    TokenRules,
    Visits,
)
from ocr_pipeline.gateway.health import Health
from ocr_pipeline.gateway.progress import ProgressWatch
from ocr_pipeline.gateway.service import Service
from ocr_pipeline.gateway.sweeps import Sweep, sweeping
from ocr_pipeline.gateway.telemetry import GatewayMetrics
from ocr_pipeline.ports.records import Progress
from ocr_pipeline.settings import Settings, load

_STEP_SECONDS = 0.5
_FORGET_SECONDS = 600.0
_ORPHAN_SECONDS = 3600.0
_FETCHES = 4


def build() -> FastAPI:
    """The app of this process. Raises ConfigurationError."""
    settings = load()
    logs.configure(settings.log_level, settings.log_format)
    app = create(partial(opened, settings))
    watch = settings.observability
    if watch.otlp_endpoint is not None:
        from ocr_pipeline.adapters.tracing import Tracing  # noqa: PLC0415 - only where somebody traces
        from ocr_pipeline.gateway.tracing import TraceRequests  # noqa: PLC0415

        app.add_middleware(TraceRequests, tracing=Tracing("gateway", watch.otlp_endpoint, watch.trace_share))
    return app


@contextmanager
def opened(settings: Settings, metrics: GatewayMetrics) -> Iterator[Service]:
    """The service over the settings' pipeline; embedded, its workers work in this process."""
    with application(settings) as pipeline, ExitStack() as stack:
        worker = stack.enter_context(_at_work(pipeline))
        door = front_door(pipeline, stack, counted_alone=metrics.limited_alone.inc)
        gateway = settings.gateway
        directory = Directory(pipeline.records, pipeline.vault, pipeline.clock)
        session = timedelta(hours=settings.observability.session_hours)
        stack.enter_context(
            sweeping(
                Sweep("webhooks", settings.webhooks.interval_seconds, door.notify),
                Sweep("forgetting", _FORGET_SECONDS, door.forget),
                Sweep("orphans", _ORPHAN_SECONDS, pipeline.drop_orphans),
            )
        )
        stack.callback(door.notify.stop)
        yield Service(
            pipeline=pipeline,
            authenticator=_authenticator(settings, pipeline, door, directory),
            admission=Admission(
                door.limiter,
                WaitingPages(pipeline.records),
                LaneDepths(pipeline.lane_depths),
                gateway.max_lane_depth,
            ),
            watch=ProgressWatch(
                _look(pipeline),
                interval=gateway.poll_seconds,
                most=gateway.max_streams,
                most_of_one=gateway.max_streams_of_a_client,
            ),
            health=Health(
                {"database": pipeline.records.check, "store": pipeline.store.check, "keys": pipeline.keys.check},
                {"queue": pipeline.dispatcher.check, "engine": worker},
            ),
            metrics=metrics,
            webhooks=door.webhooks,
            fetches=Semaphore(_FETCHES),
            visits=Visits(directory, door.nonces, pipeline.clock, session),
            snapshot=take_snapshot(settings, pipeline.records, stack),
        )


def _authenticator(settings: Settings, pipeline: Application, door: FrontDoor, directory: Directory) -> Authenticator:
    rules = SignatureRules(timedelta(seconds=settings.gateway.max_clock_skew_seconds))
    signed = SignedRequests(directory, door.nonces, pipeline.clock, rules)
    oidc = settings.oidc
    if oidc.issuer is None or oidc.audience is None or oidc.jwks_url is None:
        return Authenticator(signed)
    accepted = TokenRules(oidc.issuer, oidc.audience, roles_claim=oidc.roles_claim, leeway=oidc.leeway_seconds)
    if oidc.client_claim is not None:
        accepted = replace(accepted, client_claims=(oidc.client_claim,))
    if oidc.role_names:
        accepted = replace(accepted, role_names=oidc.role_names)
    return Authenticator(signed, BearerTokens(accepted, JwksKeys(oidc.jwks_url), directory))


def _look(pipeline: Application) -> Callable[[Sequence[DocumentId]], dict[DocumentId, Progress]]:
    def look(document_ids: Sequence[DocumentId]) -> dict[DocumentId, Progress]:
        with pipeline.records() as uow:
            return uow.progress(document_ids)

    return look


@contextmanager
def _at_work(pipeline: Application) -> Iterator[Callable[[], None]]:
    """The embedded worker, kept at work beside the server; gives what raises while nobody can read pages."""
    stopping = Event()
    fault: list[PipelineError] = []

    with pipeline.workers() as pass_time:

        def keep_working() -> None:
            while not stopping.is_set():
                try:
                    pass_time(_STEP_SECONDS)
                    fault.clear()
                except PipelineError as error:
                    if not fault:
                        logs.get(__name__).error("no page can be read", code=error.code)
                    fault[:] = [error]
                    stopping.wait(_STEP_SECONDS)

        def check() -> None:
            pipeline.check_engine()
            for error in fault:
                raise error

        thread = Thread(target=keep_working, name="embedded-worker")
        thread.start()
        try:
            yield check
        finally:
            stopping.set()
            thread.join()
