"""What the supervisor does when things go wrong around it; the rest is tested over real processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from ocr_pipeline.adapters.engines.serve.backoff import Backoff, BackoffRules
from ocr_pipeline.adapters.engines.serve.status import Fault, ServeState, Status
from ocr_pipeline.adapters.engines.serve.supervisor import Patience, Supervisor
from ocr_pipeline.domain.errors import ConfigurationError, EngineGarbage, EngineUnavailable

PATIENCE = Patience(
    start=600.0, reading=600.0, between=0.001, between_starting=0.001, drain=600.0, quiet=0.0, grace=3.0, look=0.001
)


@dataclass
class FakeServer:
    """A server that lives until it is ended, or exits."""

    exits: asyncio.Event = field(default_factory=asyncio.Event)
    ended: list[float] = field(default_factory=list)

    async def wait(self) -> int:
        await self.exits.wait()
        return 1

    async def end(self, grace: float) -> None:
        self.ended.append(grace)


@dataclass
class World:
    """What the supervisor is given. `problems` are what readings come to, in turn; afterwards `last`."""

    problems: list[Exception | None]
    last: Exception | None = None
    running: int = 0
    servers: list[FakeServer] = field(default_factory=list)
    on_reading: Callable[[int], None] = lambda _: None
    readings: int = 0
    status: Status = field(default_factory=lambda: Status(60.0, lambda: 0.0))

    def supervisor(self, patience: Patience = PATIENCE) -> Supervisor:
        backoff = Backoff(BackoffRules(first=0.001, cap=0.002), lambda: 0.0)
        return Supervisor(self.launch, self.read, self.count, self.status, backoff, patience)

    async def launch(self) -> FakeServer:
        self.servers.append(FakeServer())
        return self.servers[-1]

    async def read(self) -> None:
        self.readings += 1
        self.on_reading(self.readings)
        problem = self.problems.pop(0) if self.problems else self.last
        if problem is not None:
            raise problem

    async def count(self) -> int:
        return self.running


def run(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(120):
            await work

    asyncio.run(bounded())


def test_told_to_stop_it_asks_the_server_to_end() -> None:
    async def scene() -> None:
        world = World([None, None])
        supervisor = world.supervisor()
        world.on_reading = lambda number: supervisor.stop() if number == 2 else None
        await supervisor.run()
        assert [server.ended for server in world.servers] == [[PATIENCE.grace]]
        assert world.status.state is ServeState.DRAINING

    run(scene())


def test_is_unready_at_once_when_told_to_stop() -> None:
    async def scene() -> None:
        world = World([None])
        supervisor = world.supervisor()
        world.status.read_well(0.1)
        supervisor.stop()
        assert not world.status.ready

    run(scene())


def test_readings_in_a_row_must_fail_to_end_a_server() -> None:
    async def scene() -> None:
        wrong = EngineGarbage("wrong")
        world = World([None, wrong, wrong, None, wrong, wrong, None, wrong, wrong, wrong])
        supervisor = world.supervisor()
        world.on_reading = lambda number: supervisor.stop() if number == 13 else None
        await supervisor.run()
        assert len(world.servers) == 2
        assert world.servers[0].ended == [0.0]  # one that hangs is not asked
        assert world.status.faults == {Fault.HUNG: 1}

    run(scene())


def test_gives_up_only_on_starts_that_never_read() -> None:
    async def scene() -> None:
        world = World([])
        supervisor = world.supervisor(replace(PATIENCE, starts=3))

        def reading(_: int) -> None:
            world.last = None if len(world.servers) == 2 else EngineUnavailable("nobody there")
            asyncio.get_running_loop().call_soon(world.servers[-1].exits.set)

        world.on_reading = reading
        with pytest.raises(EngineUnavailable):
            await supervisor.run()
        assert len(world.servers) == 5
        assert world.status.state is ServeState.FAILED

    run(scene())


def test_an_error_that_nobody_expected_ends_the_server_and_is_raised() -> None:
    async def scene() -> None:
        world = World([KeyError("a mistake")])
        with pytest.raises(KeyError):
            await world.supervisor().run()
        assert world.servers[0].ended == [0.0]

    run(scene())


def test_cancelled_it_leaves_no_server() -> None:
    async def scene() -> None:
        world = World([])
        read = asyncio.Event()
        world.on_reading = lambda _: read.set()
        task = asyncio.create_task(world.supervisor().run())
        await read.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert world.servers[0].ended == [0.0]

    run(scene())


def test_a_server_that_cannot_be_launched_is_raised() -> None:
    async def scene() -> None:
        async def launch() -> FakeServer:
            raise ConfigurationError("no port")

        world = World([])
        world.launch = launch  # type: ignore[method-assign]
        with pytest.raises(ConfigurationError):
            await world.supervisor().run()

    run(scene())


def test_waits_while_requests_run() -> None:
    async def scene() -> None:
        world = World([None], running=1)
        supervisor = world.supervisor()
        asked = 0

        async def count() -> int:
            nonlocal asked
            asked += 1
            return 1 if asked < 5 else 0

        world.count = count  # type: ignore[method-assign]
        supervisor = world.supervisor()
        world.on_reading = lambda number: supervisor.stop() if number == 2 else None
        await supervisor.run()
        assert asked >= 5

    run(scene())
