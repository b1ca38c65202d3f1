"""The commands for a model server, and `engine serve`: vLLM, supervised."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from ocr_pipeline.adapters.engines.serve.arguments import ServeOptions, serve_command, serve_environment, shown
from ocr_pipeline.adapters.engines.serve.supervisor import Patience
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.engine_check import CheckCommand
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.model_servers import OVER_HTTP, ModelServers, api_key
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.domain.errors import EngineUnavailable
from ocr_pipeline.settings import Settings

_TOLD = "ocr_pipeline.adapters.engines.serve"
_PATIENCE = Patience()
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - compared with, not bound


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    app.add_typer(build(OVER_HTTP), name="engine")


def build(servers: ModelServers) -> typer.Typer:
    """The group of commands, over some servers."""
    app = typer.Typer(no_args_is_help=True, help="A model server on this machine's GPU, and those that are configured.")
    app.command(epilog=_SERVE_EPILOG)(ServeCommand(servers).serve)
    app.command()(CheckCommand(servers).check)
    return app


_SERVE_EPILOG = (
    "What stands after -- goes to vLLM as it is and wins over what is set here: engine serve -- --quantization fp8. "
    "Arguments that would put document text into logs are refused. Probes are answered on the health port: "
    "/health/live, /health/ready, /metrics."
)
_GPU = "The GPU"
_WATCH = "Watching"
_STOP = "Stopping"


@dataclass(frozen=True, slots=True)
class ServeCommand:
    """The command, over some servers."""

    servers: ModelServers

    def serve(
        self,
        context: typer.Context,
        extra: Annotated[
            list[str] | None, typer.Argument(metavar="[-- ARGUMENTS]", help="Arguments for vLLM, after two dashes.")
        ] = None,
        model_name: Annotated[
            str | None, typer.Option(help="What workers call the model (default: the setting model_name).")
        ] = None,
        weights: Annotated[
            str | None, typer.Option(help="Folder or name of the model's files, where that is not its name.")
        ] = None,
        host: Annotated[str, typer.Option(help="Where the model server listens.")] = "0.0.0.0",  # noqa: S104 - asked for
        port: Annotated[int, typer.Option(min=1, max=65535, help="And on which port.")] = 8000,
        tensor_parallel_size: Annotated[
            int | None,
            typer.Option(min=1, rich_help_panel=_GPU, help="GPUs one model is split over (default: the setting)."),
        ] = None,
        max_model_len: Annotated[
            int | None,
            typer.Option(
                min=256, rich_help_panel=_GPU, help="Tokens of one page, image and text (default: the setting)."
            ),
        ] = None,
        gpu_memory_utilization: Annotated[
            float | None,
            typer.Option(min=0.05, max=1.0, rich_help_panel=_GPU, help="Share of its memory (default: the setting)."),
        ] = None,
        max_concurrent_requests: Annotated[
            int | None, typer.Option(min=1, rich_help_panel=_GPU, help="Pages read at once (default: the setting).")
        ] = None,
        program: Annotated[str, typer.Option(help="What is started, up to the model's name.")] = "vllm serve",
        health_host: Annotated[
            str, typer.Option(rich_help_panel=_WATCH, help="Where probes are answered.")
        ] = "0.0.0.0",  # noqa: S104 - the kubelet asks from outside
        health_port: Annotated[
            int, typer.Option(min=1, max=65535, rich_help_panel=_WATCH, help="And on which port.")
        ] = 8001,
        start_timeout: Annotated[
            float,
            typer.Option(min=1, rich_help_panel=_WATCH, help="Seconds until a start counts as failed."),
        ] = _PATIENCE.start,
        probe_interval: Annotated[
            float, typer.Option(min=0.1, rich_help_panel=_WATCH, help="Seconds between readings of the known picture.")
        ] = _PATIENCE.between,
        probe_timeout: Annotated[
            float, typer.Option(min=0.1, rich_help_panel=_WATCH, help="Seconds one such reading may take.")
        ] = _PATIENCE.reading,
        probe_failures: Annotated[
            int, typer.Option(min=1, rich_help_panel=_WATCH, help="Failed readings in a row that end a server.")
        ] = _PATIENCE.failures,
        hung_after: Annotated[
            float, typer.Option(min=1, rich_help_panel=_WATCH, help="Seconds without a good reading that end it, too.")
        ] = _PATIENCE.hung,
        max_starts: Annotated[
            int, typer.Option(min=1, rich_help_panel=_WATCH, help="Starts in a row without a reading: then give up.")
        ] = _PATIENCE.starts,
        drain_seconds: Annotated[
            float, typer.Option(min=0, rich_help_panel=_STOP, help="Seconds that running pages get when told to stop.")
        ] = _PATIENCE.drain,
        grace_seconds: Annotated[
            float, typer.Option(min=0, rich_help_panel=_STOP, help="Seconds the server then gets before it is killed.")
        ] = _PATIENCE.grace,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command line, and start nothing.")] = False,
    ) -> None:
        """Start vLLM and keep it reading: what hangs or dies is started again, what is told to stop drains first.

        The server counts as ready only while it reads a known picture right, again and again. SIGTERM (or Ctrl-C)
        makes it ready no more, lets running pages end, then ends the server with all its processes; a second one does
        not wait for pages. Leaves with 6 when the server never came to read.
        """
        printer = Printer(as_json=False)
        settings = _overlaid(
            session_of(context).settings,
            model_name=model_name,
            tensor_parallel_size=tensor_parallel_size,
            max_model_len=max_model_len,
            gpu_memory_utilization=gpu_memory_utilization,
            max_concurrent_requests=max_concurrent_requests,
        )
        profile = self.servers.profile(settings)
        options = replace(
            _options(settings, weights, profile.serve_arguments),
            host=host,
            port=port,
            extra=tuple(extra or ()),
            program=_split(program),
        )
        command = serve_command(options)
        for override in command.overrides:
            if override.by == "extra":  # a profile is meant to override
                printer.remark(f"{override.kept} instead of {override.dropped}")
        if dry_run:
            printer.answer(None, shown(command, options.program))
            return
        printer.remark(f"starting {shown(command, options.program)}")
        patience = Patience(
            start=start_timeout,
            between=probe_interval,
            reading=probe_timeout,
            failures=probe_failures,
            hung=hung_after,
            starts=max_starts,
            drain=drain_seconds,
            grace=grace_seconds,
        )
        logging.getLogger(_TOLD).setLevel(logging.INFO)  # what it tells is what the command is run for
        from ocr_pipeline.adapters.engines.serve.service import Service, serve

        environment = serve_environment(os.environ, dict(profile.serve_environment), api_key(settings))
        service = Service(command, environment, host, port, health_host, health_port, patience)

        async def supervise() -> None:
            async with self.servers.open(settings, _own_address(host, port)) as server:
                await serve(service, server.read_known_picture, server.count_running)

        try:
            asyncio.run(supervise())
        except EngineUnavailable as error:
            printer.remark(f"ocr-pipeline: {error} [{error.code}]")
            raise typer.Exit(Exit.UNAVAILABLE) from None


def _overlaid(settings: Settings, **given: object) -> Settings:
    """The settings, with what the command line gave put over them."""
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})


def _options(settings: Settings, weights: str | None, profile_arguments: tuple[str, ...]) -> ServeOptions:
    return ServeOptions(
        model_name=weights or settings.model_name,
        served_name=settings.model_name,
        tensor_parallel_size=settings.tensor_parallel_size,
        max_model_len=settings.max_model_len,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        max_concurrent_requests=settings.max_concurrent_requests,
        profile_arguments=profile_arguments,
    )


def _split(program: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(program))
    except ValueError:
        raise typer.BadParameter("--program is no command line: a quotation is not closed") from None


def _own_address(host: str, port: int) -> str:
    reached = _ANYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reached}:{port}"
