"""`ocr-pipeline triggers`: objects in S3 become documents as events tell of them, and results go back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from ocr_pipeline import logs
from ocr_pipeline.bootstrap import Application
from ocr_pipeline.bootstrap.held_events import held_events
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.cli.stopping import told_to_stop
from ocr_pipeline.domain.errors import NotFound, PipelineError
from ocr_pipeline.domain.triggers import EventId

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_STEP_SECONDS = 0.5
_MOST_COUNTED = 100_000

_HELP = """Take in objects from S3 as events tell of them, and write results back.

Where events come from, which objects become documents, and where results go stands in the settings:

    [\\[triggers.sources]]          # sqs, amqp or webhook; several may be given
    kind = "sqs"
    name = "uploads"
    queue_url = "https://sqs.eu-central-1.amazonaws.com/1234/uploads"

    [\\[triggers.rules]]            # the first that fits an object decides
    bucket = "scans"
    prefix = "ward-3/"
    suffixes = [".pdf", ".tif"]
    client = "hospital-a"
    type = "chart"

    \\[triggers.output]
    forms = ["text", "json"]
    prefix = "ocr-results/"

Events may come twice, late, in any order or not at all: each version of an object becomes one document, and a listing
finds what was missed. The command runs until it is told to stop (SIGTERM, Ctrl-C) and finishes what is in hand; run it
several times over for more. Without a broker the pages are read in this process too.

Events that cannot be used are parked: see [bold]ocr-pipeline triggers parked[/bold].
"""

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id that `triggers parked` shows.")]


def build() -> typer.Typer:
    """The group of commands; alone it runs the triggers."""
    app = typer.Typer(invoke_without_command=True, help=_HELP)
    app.callback()(run)
    for command in (parked, retry, drop):
        app.command()(command)
    return app


def run(
    context: typer.Context,
    once: Annotated[
        bool, typer.Option("--once", help="Work through what is there now, list once, and leave: for cron and tests.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run until told to stop; help for the settings stands at the group."""
    if context.invoked_subcommand is not None:
        return
    from prometheus_client import CollectorRegistry

    from ocr_pipeline.bootstrap.trigger_metrics import TriggerMetrics
    from ocr_pipeline.bootstrap.triggers import triggers

    session = session_of(context)
    form = session.settings.log_format
    logs.configure(session.settings.log_level, "json" if form == "auto" else form)
    stopping, registry = Event(), CollectorRegistry()
    with session.open() as app, ExitStack() as stack:
        running = stack.enter_context(triggers(app, TriggerMetrics(registry), stopping))
        stack.enter_context(told_to_stop(stopping))
        _serve_metrics(app, registry, stack)
        if once:
            done = running.run_once()
            Printer(as_json=as_json).answer(done, ", ".join(f"{name}: {count}" for name, count in done.items()))
            return
        stack.enter_context(_reading_pages(app, stopping))
        logs.get(__name__).info("triggers run", sources=[loop.name for loop in running.loops])
        running.run()
        logs.get(__name__).info("triggers have ended")


def parked(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the events that could not be used, and why. What they say stays sealed: it may name patients."""
    with session_of(context).open() as app:
        events = held_events(app).parked()
        _, many = _counts(app)
    printer = Printer(as_json=as_json)
    if as_json:
        printer.json(
            [
                {
                    "id": str(event.id),
                    "source": event.source,
                    "reason": event.reason,
                    "received_at": event.received_at.isoformat(),
                    "attempts": event.attempts,
                    "size": event.size,
                    "kept": event.body is not None,
                }
                for event in events
            ]
        )
        return
    printer.table(
        f"{many} parked events" + (f", the oldest {len(events)} of them" if many > len(events) else ""),
        ("id", "source", "reason", "received", "attempts", "bytes"),
        [
            (event.id, event.source, event.reason, f"{event.received_at:%Y-%m-%d %H:%M:%S}", event.attempts, event.size)
            for event in events
        ],
    )


def retry(context: typer.Context, event: IdArgument, as_json: JsonOption = False) -> None:
    """Let a parked event have another turn, once what it stumbled over is mended."""
    with session_of(context).open() as app:
        held_events(app).retry(_event_id(event))
    Printer(as_json=as_json).answer({"id": event, "parked": False}, f"{event} waits for its turn")


def drop(context: typer.Context, event: IdArgument, as_json: JsonOption = False) -> None:
    """Forget a parked event. Its object is still found by the listing, where a rule wants it."""
    with session_of(context).open() as app:
        held_events(app).drop(_event_id(event))
    Printer(as_json=as_json).answer({"id": event, "dropped": True}, f"{event} is forgotten")


def _event_id(text: str) -> EventId:
    try:
        return EventId(UUID(text))
    except ValueError:
        raise NotFound("that is not the id of an event: `ocr-pipeline triggers parked` shows them") from None


def _serve_metrics(app: Application, registry: CollectorRegistry, stack: ExitStack) -> None:
    """Counters for Prometheus where `triggers.metrics_port` is set. Raises ConfigurationError for a port in use."""
    from ocr_pipeline.bootstrap.metrics_server import serve_metrics
    from ocr_pipeline.bootstrap.trigger_metrics import HeldCollector

    port = app.settings.triggers.metrics_port
    if port is not None:
        registry.register(HeldCollector(lambda: _counts(app)))
        serve_metrics(registry, port, stack, what="triggers.metrics_port")


def _counts(app: Application) -> tuple[int, int]:
    """How many events wait and how many are parked, counted up to a bound."""
    with app.records() as uow:
        return uow.held_events.counts(most=_MOST_COUNTED)


@contextmanager
def _reading_pages(app: Application, stopping: Event) -> Iterator[None]:
    """Embedded, the pages are read in this process, unless another one does so already."""

    def keep_reading() -> None:
        while not stopping.is_set():
            try:
                pass_time(_STEP_SECONDS)
            except PipelineError as error:
                logs.get(__name__).error("no page can be read", code=error.code)
                time.sleep(_STEP_SECONDS)

    with app.workers() as pass_time:
        if app.standby is None:
            yield
            return
        thread = Thread(target=keep_reading, name="embedded-worker")
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
