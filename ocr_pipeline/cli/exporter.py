"""`ocr-pipeline exporter`: what the whole pipeline holds, for Prometheus."""

from __future__ import annotations

from threading import Event
from typing import Annotated

import typer

from ocr_pipeline.cli.session import session_of
from ocr_pipeline.cli.stopping import told_to_stop


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(exporter)


def exporter(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="The address to listen on; the default is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 9108,
) -> None:
    """Tell Prometheus at /metrics of documents, pages, lanes and reviews, from the database and the broker.

    One for the whole pipeline is enough. It needs to read the database and to reach the broker, and no keys.
    """
    from ocr_pipeline.bootstrap.observability import exporter as exporting

    stopping = Event()
    with told_to_stop(stopping), exporting(session_of(context).settings, host, port) as bound:
        typer.echo(f"http://{host}:{bound}/metrics: stop it with Ctrl-C", err=True)
        stopping.wait()
