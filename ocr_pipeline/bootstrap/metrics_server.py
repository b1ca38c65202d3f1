"""Serving what a process counts to Prometheus, also where the process has children that count for themselves."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from ocr_pipeline.domain.errors import ConfigurationError

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where processes count together; prometheus_client reads this variable when it is first imported."""


def serve_metrics(
    registry: CollectorRegistry,
    port: int,
    stack: ExitStack,
    *,
    host: str = "0.0.0.0",  # noqa: S104 - Prometheus asks from outside
    what: str,
) -> int:
    """Serve a registry at /metrics until the stack closes; returns the port. `what` names the port to who chose it.

    Raises ConfigurationError where the port is taken.
    """
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError:
        raise ConfigurationError(f"{what} is taken or may not be used") from None
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return int(server.server_port)


def collected(registry: CollectorRegistry) -> CollectorRegistry:
    """What is to be served for a registry: itself, or all processes together where they count in one folder."""
    if shared_folder() is None:
        return registry
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


def shared_folder() -> Path | None:
    """Where the processes of this server or worker count together, if they do."""
    named = os.environ.get(MULTIPROCESS_FOLDER)
    return Path(named) if named else None


def prepare_folder() -> None:
    """Make the folder, and forget in it what processes of an earlier run counted. It belongs to one server or worker.

    Raises ConfigurationError where it cannot be made.
    """
    folder = shared_folder()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.db"):
            left.unlink(missing_ok=True)
    except OSError:
        raise ConfigurationError(f"the folder that {MULTIPROCESS_FOLDER} names cannot be used") from None


def process_ended(pid: int) -> None:
    """Forget the gauges of a process that ended; what it counted stays counted."""
    if shared_folder() is not None:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
