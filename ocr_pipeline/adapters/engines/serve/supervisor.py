"""Keeps one model server reading: starts it, believes it only when it reads, and starts it again when it does not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from ocr_pipeline import logs
from ocr_pipeline.adapters.engines.serve.backoff import Backoff
from ocr_pipeline.adapters.engines.serve.races import first_of, happens_within
from ocr_pipeline.adapters.engines.serve.status import Fault, ServeState, Status
from ocr_pipeline.domain.errors import EngineOverloaded, EngineTimeout, EngineUnavailable, PipelineError

_log = logs.get(__name__)


class Server(Protocol):
    """A server process."""

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        ...

    async def end(self, grace: float) -> None:
        """End it and all it started: by asking, after `grace` seconds by force. 0 does not ask."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits for what, in seconds, and how often it lets something pass.

    `start` bounds the way from the start of a process to its first good reading: a model may have to be fetched and
    loaded; each `progress` seconds a line says how it stands. `reading` bounds one reading; the next is begun `between`
    seconds later, while the server starts `between_starting` seconds later. A server is hung when `failures` readings
    in a row failed, or when for `hung` seconds none was good. After `starts` starts in a row without a single good
    reading the supervisor gives up.
    When told to stop, it waits at most `drain` seconds until for `quiet` seconds no request has run (it looks each
    `look` seconds), then asks the server to end, and after `grace` seconds kills it.
    """

    start: float = 1800.0
    progress: float = 30.0
    reading: float = 60.0
    between: float = 15.0
    between_starting: float = 2.0
    failures: int = 3
    hung: float = 180.0
    starts: int = 5
    drain: float = 30.0
    quiet: float = 2.0
    grace: float = 15.0
    look: float = 0.5

    @property
    def fresh(self) -> float:
        """How long a good reading counts: until the next one should be over, and a pause more."""
        return self.between + self.reading + self.between


@dataclass(slots=True)
class _Life:
    """From the start of a server process to its end: when it first read right, and what ended it but an order."""

    ready_at: float | None = None
    fault: Fault | None = None


class Supervisor:
    """Supervises from `run` until `stop`; both on one event loop.

    `launch` starts a server process. `read_known_picture` returns when the server has read a picture right and raises
    a PipelineError when it has not: EngineUnavailable where nobody answers, EngineOverloaded where the server is too
    busy to be asked. `count_running` tells how many requests it has, running and waiting; it raises likewise.
    """

    def __init__(
        self,
        launch: Callable[[], Awaitable[Server]],
        read_known_picture: Callable[[], Awaitable[None]],
        count_running: Callable[[], Awaitable[int]],
        status: Status,
        backoff: Backoff,
        patience: Patience,
    ) -> None:
        self._launch = launch
        self._read_known_picture = read_known_picture
        self._count_running = count_running
        self._status = status
        self._backoff = backoff
        self._patience = patience
        self._told = asyncio.Event()
        self._hurry = asyncio.Event()
        self._barren_starts = 0
        self._reachable = False

    def stop(self) -> None:
        """Be ready no more, let requests end, then end. Told a second time, do not wait for requests."""
        if self._told.is_set():
            self._hurry.set()
            return
        self._reachable = self._status.state not in {ServeState.STARTING, ServeState.RESTARTING}
        self._status.enter(ServeState.DRAINING)
        self._told.set()
        _log.info("told to stop")

    async def run(self) -> None:
        """Supervise until told to stop.

        Raises EngineUnavailable when it gave up, ConfigurationError when no server process can be started at all.
        """
        while not self._told.is_set():
            self._status.enter(ServeState.STARTING)
            life = await self._live_once()
            if life.fault is None or self._told.is_set():
                return
            self._status.faults[life.fault] += 1
            self._barren_starts = self._barren_starts + 1 if life.ready_at is None else 0
            if self._barren_starts >= self._patience.starts:
                self._status.enter(ServeState.FAILED)
                raise EngineUnavailable(
                    f"the model server read nothing right in {self._barren_starts} starts; its own words are withheld: "
                    "start its command line by hand to read them"
                )
            await self._pause(life)

    async def _live_once(self) -> _Life:
        """One life of a server, which is gone afterwards."""
        life = _Life()
        server = await self._launch()
        grace = 0.0
        try:
            life.fault = await self._attend(server, life)
            if life.fault is None:
                await self._drain(server)
                grace = self._patience.grace
        finally:
            await server.end(grace)
        return life

    async def _attend(self, server: Server, life: _Life) -> Fault | None:
        """Until something ends it: its own exit, its silence, or an order, which is no fault."""
        watching = asyncio.create_task(self._watch(life))
        exited = asyncio.create_task(server.wait())
        told = asyncio.create_task(self._told.wait())
        async with first_of(watching, exited, told):
            if told.done():
                return None
            if exited.done():
                _log.warning("the model server exited", code=exited.result())
                return Fault.EXITED
            return watching.result()

    async def _watch(self, life: _Life) -> Fault:
        """Read the known picture again and again, until the server is to be given up."""
        if not await self._comes_up():
            _log.error("the model server did not become ready", seconds=round(self._patience.start))
            return Fault.NEVER_READY
        life.ready_at = good_at = _now()
        failures = 0
        while failures < self._patience.failures and _now() - good_at < self._patience.hung:
            await asyncio.sleep(self._patience.between)
            problem = await self._read()
            if problem is None:
                failures, good_at = 0, _now()
            elif not isinstance(problem, EngineOverloaded):  # a full house is not an empty one
                failures += 1
                self._status.enter(ServeState.READING)
                _log.warning("the model server did not read the known picture", code=problem.code, in_a_row=failures)
        _log.error("the model server hangs, or reads wrong", seconds=round(_now() - good_at))
        return Fault.HUNG

    async def _comes_up(self) -> bool:
        """Whether the server read right within its time."""
        began = told = _now()
        while (waited := _now() - began) < self._patience.start:
            problem = await self._read()
            if problem is None:
                _log.info("the model server is ready", seconds=round(_now() - began, 1))
                return True
            if not isinstance(problem, EngineUnavailable):
                self._status.enter(ServeState.READING)
            if _now() - told >= self._patience.progress:
                told = _now()
                _log.info(
                    "the model server is not ready yet",
                    state=self._status.state.value,
                    seconds=round(waited),
                    at_most=round(self._patience.start),
                    code=problem.code,
                )
            await asyncio.sleep(self._patience.between_starting)
        return False

    async def _read(self) -> PipelineError | None:
        """One reading: what was wrong with it, if anything."""
        began = _now()
        try:
            async with asyncio.timeout(self._patience.reading):
                await self._read_known_picture()
        except PipelineError as error:
            return error
        except TimeoutError:
            return EngineTimeout("the known picture was not read in time")
        self._status.read_well(_now() - began)
        return None

    async def _drain(self, server: Server) -> None:
        """Wait until the server has nothing to do, or must not be waited for any longer."""
        if not self._reachable:
            return
        quiet = asyncio.create_task(self._quiet())
        exited = asyncio.create_task(server.wait())
        hurry = asyncio.create_task(self._hurry.wait())
        async with first_of(quiet, exited, hurry, within=self._patience.drain):
            if not (quiet.done() or exited.done()):
                _log.warning("requests still run and are cut off")

    async def _quiet(self) -> None:
        """Return when no request has run for a while."""
        since: float | None = None
        while since is None or _now() - since < self._patience.quiet:
            busy = True
            with contextlib.suppress(PipelineError, TimeoutError):
                async with asyncio.timeout(self._patience.reading):
                    busy = await self._count_running() > 0
            since = None if busy else since or _now()
            await asyncio.sleep(self._patience.look)

    async def _pause(self, life: _Life) -> None:
        """Wait before the next start, unless told to stop."""
        self._status.enter(ServeState.RESTARTING)
        seconds = self._backoff.after(0.0 if life.ready_at is None else _now() - life.ready_at)
        _log.warning("the model server is started again", fault=life.fault, in_seconds=round(seconds, 1))
        await happens_within(self._told, seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
