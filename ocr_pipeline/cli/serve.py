"""`ocr-pipeline serve`: the HTTP front door."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ocr_pipeline.bootstrap.metrics_server import MULTIPROCESS_FOLDER
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.session import session_of

if TYPE_CHECKING:
    import uvicorn

_APP = "ocr_pipeline.gateway.asgi:build"
_CONNECTION = "ocr_pipeline.gateway.connections:BoundedConnection"
_HEADER_BYTES = 32 * 1024
# Longer than the proxies in deploy/ keep an idle connection: they let go first, and never of one that is being closed.
_KEEP_ALIVE_SECONDS = 5
# A process on a busy machine imports for longer than uvicorn's own five seconds; killed for that none would ever start.
_SILENT_SECONDS = 60


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="The address to listen on; the default is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 8080,
    processes: Annotated[
        int, typer.Option(min=1, help="Gateway processes; more than one needs a broker, where workers run apart.")
    ] = 1,
    drain_seconds: Annotated[
        int, typer.Option(min=0, help="How long requests in hand may take when told to stop.")
    ] = 30,
) -> None:
    """Serve the HTTP API. Without a broker the pages are read in this process too: nothing else need run.

    Make a client and a key first: [bold]ocr-pipeline clients create NAME --key[/bold]. The API describes itself at
    /docs and /openapi.json. Put a proxy in front of it that ends TLS: see deploy/envoy and deploy/haproxy.
    """
    import uvicorn

    session = session_of(context)
    if processes > 1 and session.settings.embedded:
        raise typer.BadParameter("several processes need a broker: set broker.url", param_hint="--processes")
    # The app is built anew in each process, and finds its settings where they were found here.
    os.environ["OCR_PIPELINE_DATA_DIR"] = str(session.settings.home)
    if session.config is not None:
        os.environ["OCR_PIPELINE_CONFIG"] = str(session.config.absolute())
    typer.echo(f"http://{host}:{port}: the API, described at /docs; stop it with Ctrl-C", err=True)
    config = uvicorn.Config(
        _APP,
        factory=True,
        host=host,
        port=port,
        http=_CONNECTION,
        workers=processes,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=drain_seconds,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_worker_healthcheck=_SILENT_SECONDS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )
    with _counting_together(processes), suppress(KeyboardInterrupt):
        _listen(config)


def _listen(config: uvicorn.Config) -> None:
    """Serve until told to stop. Raises typer.Exit where the gateway does not start."""
    from uvicorn import Server
    from uvicorn.supervisors import Multiprocess

    with config.bind_socket() as listener:
        # Connections inherit it. What asyncio opens itself has it already, a socket made by uvicorn does not, and then
        # every answer waits 40 ms for the other side's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if config.workers > 1:
            Multiprocess(config, sockets=[listener]).run()
            return
        server = Server(config)
        server.run(sockets=[listener])
        if not server.started:
            raise typer.Exit(Exit.NOT_READY)


@contextmanager
def _counting_together(processes: int) -> Iterator[None]:
    """Several processes count into one folder, so that whichever Prometheus asks tells of all."""
    if processes == 1:
        yield
        return
    with TemporaryDirectory(prefix="ocr-pipeline-metrics-") as folder:
        os.environ[MULTIPROCESS_FOLDER] = folder
        yield
