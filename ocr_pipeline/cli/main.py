"""The `ocr-pipeline` command: global options, groups of commands, and errors as one clear line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ocr_pipeline import __version__, logs
from ocr_pipeline.cli import (
    broker,
    bulk,
    clients,
    documents,
    engine,
    erasures,
    evaluate,
    exporter,
    keys,
    operations,
    operators,
    plan,
    review,
    run,
    samples,
    serve,
    triggers,
)
from ocr_pipeline.cli import doctor as doctor_commands
from ocr_pipeline.cli.exits import EXITS_HELP, Exit, exit_of
from ocr_pipeline.cli.session import Session
from ocr_pipeline.domain.errors import InputMissing, PipelineError
from ocr_pipeline.settings import load

_EPILOG = EXITS_HELP


def build() -> typer.Typer:
    """The command line with all its groups."""
    app = typer.Typer(
        name="ocr-pipeline",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog=_EPILOG)(_top)
    for group in (run, documents, operations, evaluate, doctor_commands, samples, engine, serve, plan, exporter):
        group.register(app)
    app.add_typer(broker.build(), name="broker")
    app.add_typer(bulk.build(), name="bulk")
    app.add_typer(erasures.build(), name="erasures")
    app.add_typer(keys.build(), name="keys")
    app.add_typer(review.build(), name="review")
    app.add_typer(clients.build(), name="clients")
    app.add_typer(triggers.build(), name="triggers")
    app.add_typer(operators.build(), name="operators")
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _top(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="A TOML file of settings (default: ocr-pipeline.toml where it exists)."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", "-d", help="Where the embedded database, objects and keys lie.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option("--log-level", help="debug, info, warning or error (default: warning).")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Batch OCR for medical documents: scans in, trusted text out, every page accounted for.

    Start with [bold]ocr-pipeline doctor[/bold], then [bold]ocr-pipeline run FOLDER --out RESULTS[/bold].
    """
    del version
    overrides: dict[str, object] = {}
    if data_dir is not None:
        overrides["data_dir"] = data_dir
    settings = load(config, overrides)
    logs.configure(log_level or "warning", settings.log_format)
    context.obj = Session(settings, config)


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        build()()
    except PipelineError as error:
        place = f": {error.place}" if isinstance(error, InputMissing) and error.place else ""
        sys.stderr.write(f"ocr-pipeline: {error}{place} [{error.code}]\n")
        sys.exit(exit_of(error))
    except SystemExit as left:
        if left.code == Exit.INTERRUPTED:
            sys.stderr.write("\nocr-pipeline: interrupted; run the same command again to go on\n")
        raise
