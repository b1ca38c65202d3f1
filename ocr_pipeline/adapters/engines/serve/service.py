"""The whole of `engine serve`: a server under its supervisor, probes beside it, signals, and the log."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ocr_pipeline import logs
from ocr_pipeline.adapters.engines.serve.arguments import ServeCommand
from ocr_pipeline.adapters.engines.serve.backoff import Backoff, BackoffRules
from ocr_pipeline.adapters.engines.serve.health import HealthServer
from ocr_pipeline.adapters.engines.serve.metrics import registry_of
from ocr_pipeline.adapters.engines.serve.process import ServerProcess
from ocr_pipeline.adapters.engines.serve.sieve import Level, Remark, Sieve
from ocr_pipeline.adapters.engines.serve.status import Status
from ocr_pipeline.adapters.engines.serve.supervisor import Patience, Supervisor
from ocr_pipeline.domain.errors import ConfigurationError

_log = logs.get(__name__)
_LEVELS: Mapping[Level, int] = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Service:
    """What to run: the server at `port` of `host`, and probes at `health_port` of `health_host`."""

    command: ServeCommand
    environment: Mapping[str, str]
    host: str
    port: int
    health_host: str
    health_port: int
    patience: Patience = field(default_factory=Patience)
    backoff: BackoffRules = field(default_factory=BackoffRules)


async def serve(
    service: Service,
    read_known_picture: Callable[[], Awaitable[None]],
    count_running: Callable[[], Awaitable[int]],
) -> None:
    """Serve until SIGTERM or SIGINT; a second signal does not wait for running requests.

    Raises ConfigurationError where a port is taken or nothing can be started, EngineUnavailable when the server never
    came to read.
    """
    sieve = Sieve()
    status = Status(service.patience.fresh, time.monotonic)
    backoff = Backoff(service.backoff, random.random)

    async def launch() -> ServerProcess:
        _require_free(service.host, service.port)  # else another server would be read, and believed to be this one
        return await ServerProcess.start(service.command.words, service.environment, sieve, _tell)

    supervisor = Supervisor(launch, read_known_picture, count_running, status, backoff, service.patience)
    registry = registry_of(status, lambda: sieve.withheld)
    async with HealthServer(service.health_host, service.health_port, status, registry) as health:
        _log.info("probes are answered", port=health.port)
        with _handled(supervisor.stop):
            await supervisor.run()


def _tell(remark: Remark) -> None:
    _log.log(_LEVELS[remark.level], "the model server", says=remark.text)


@contextmanager
def _handled(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"port {port} cannot be had for the model server ({error.strerror})") from None
