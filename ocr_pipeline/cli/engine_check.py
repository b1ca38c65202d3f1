"""`engine check`: whether each configured model server reads."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.model_servers import ModelServers
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.domain.errors import ConfigurationError, PipelineError
from ocr_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class _Found:
    """What a server made of the known picture."""

    server: str
    reads: bool
    seconds: float
    detail: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class CheckCommand:
    """The command, over some servers."""

    servers: ModelServers

    def check(
        self,
        context: typer.Context,
        timeout: Annotated[float, typer.Option(min=0.1, help="Seconds each server gets.")] = 60.0,
        as_json: JsonOption = False,
    ) -> None:
        """Let each configured server read the known picture, and say what came of it. Leaves with 6 unless all read."""
        settings, printer = session_of(context).settings, Printer(as_json=as_json)
        found = asyncio.run(self._check(settings, timeout))
        if as_json:
            printer.json([asdict(each) for each in found])
        else:
            rows = [
                (each.server, "reads" if each.reads else "FAILS", f"{each.seconds:.2f}", each.detail) for each in found
            ]
            printer.table("Model servers", ("server", "state", "seconds", "detail"), rows)
        if not all(each.reads for each in found):
            raise typer.Exit(Exit.UNAVAILABLE)

    async def _check(self, settings: Settings, seconds: float) -> list[_Found]:
        addresses = await self.servers.addresses(settings)
        if not addresses:
            raise ConfigurationError("no model server is configured: see vllm.servers")
        return list(await asyncio.gather(*(self._ask(settings, address, seconds) for address in addresses)))

    async def _ask(self, settings: Settings, address: str, seconds: float) -> _Found:
        began = time.monotonic()
        problem: str | None = None
        detail = "read the known picture right"
        async with self.servers.open(settings, address) as server:
            try:
                async with asyncio.timeout(seconds):
                    await server.read_known_picture()
            except PipelineError as error:
                problem, detail = error.code, str(error)
            except TimeoutError:
                problem, detail = "engine_timeout", f"no answer within {seconds:g} s"
        return _Found(address, problem is None, time.monotonic() - began, detail, problem)
