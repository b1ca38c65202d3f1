"""A pool over fake servers, and everything it says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from types import TracebackType
from typing import Self

from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.ports.generation import GenerationServer
from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.clock import loop_time
from ocr_pipeline.recognition.pool.observer import OutlierReason, PoolObserver, ServerSnapshot, ServerState
from ocr_pipeline.recognition.pool.pool import PoolRules, ServerPool
from ocr_pipeline.recognition.pool.strategies import LeastLoad, Strategy
from tests.unit.pool.fake_server import FakeServer, Work, probe, reading


@dataclass
class Notes(PoolObserver):
    """Writes down what it is told, each as a tuple that begins with the kind."""

    told: list[tuple[str, ...]] = field(default_factory=list)

    def of(self, kind: str) -> list[tuple[str, ...]]:
        return [tuple(rest) for what, *rest in self.told if what == kind]

    def server_joined(self, server: str) -> None:
        self.told.append(("joined", server))

    def server_left(self, server: str) -> None:
        self.told.append(("left", server))

    def state_changed(self, server: str, state: ServerState) -> None:
        self.told.append(("state", server, state.value))

    def page_failed(self, server: str, code: str) -> None:
        self.told.append(("failed", server, code))

    def failed_over(self, server: str, code: str) -> None:
        self.told.append(("failed over", server, code))

    def page_blamed(self, server: str) -> None:
        self.told.append(("blamed", server))

    def resting(self, server: str, seconds: float) -> None:
        self.told.append(("resting", server, f"{seconds:g}"))

    def ejected(self, server: str, reason: OutlierReason, seconds: float) -> None:
        self.told.append(("ejected", server, reason.value, f"{seconds:g}"))

    def load_failed(self, server: str, code: str) -> None:
        self.told.append(("load failed", server, code))

    def source_failed(self, code: str) -> None:
        self.told.append(("source failed", code))

    def address_refused(self, code: str) -> None:
        self.told.append(("address refused", code))


@dataclass
class FakeSource:
    """Names these servers, or raises, or takes so many seconds."""

    names: list[str]
    error: Exception | None = None
    seconds: float = 0.0

    async def addresses(self) -> Sequence[str]:
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return list(self.names)


class World:
    """A started pool for the time of an `async with`."""

    def __init__(
        self,
        *names: str,
        rules: PoolRules | None = None,
        strategy: Strategy | None = None,
        affinity: SessionAffinity | None = None,
    ) -> None:
        self.servers: dict[str, FakeServer] = {name: FakeServer(name) for name in names}
        self.source = FakeSource(list(names))
        self.notes = Notes()
        self.pool = ServerPool(
            self.source,
            self._connect,
            probe,
            strategy or LeastLoad(Random(1)),
            affinity=affinity,
            observer=self.notes,
            rules=rules,
        )

    async def __aenter__(self) -> Self:
        await self.pool.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.pool.close()

    def __getitem__(self, name: str) -> FakeServer:
        return self.servers[name]

    async def read(
        self,
        work: Work | None = None,
        *,
        seconds: float = 30.0,
        priority: int = 1,
        session: str | None = None,
        page: str | None = None,
    ) -> str:
        return await self.pool.run(
            work or reading(), session=session, deadline=loop_time() + seconds, priority=priority, page=page
        )

    def start(self, work: Work | None = None, *, seconds: float = 30.0, priority: int = 1) -> asyncio.Task[str]:
        return asyncio.create_task(self.read(work, seconds=seconds, priority=priority))

    def of(self, name: str) -> ServerSnapshot:
        return next(server for server in self.pool.snapshot().servers if server.id == name)

    def _connect(self, address: str) -> GenerationServer:
        if address not in self.servers:
            raise ConfigurationError("no such address")
        return self.servers[address]
