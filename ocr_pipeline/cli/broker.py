"""Commands for the broker: declare."""

from __future__ import annotations

import typer

from ocr_pipeline.bootstrap import declare_queues
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.session import session_of


def build() -> typer.Typer:
    """The group."""
    group = typer.Typer(no_args_is_help=True, help="The broker that carries the work.")
    group.callback()(_group)
    group.command("declare")(declare)
    return group


def _group() -> None:
    """Keep `declare` a command of its own, although it is the only one."""


def declare(context: typer.Context, as_json: JsonOption = False) -> None:
    """Make the exchanges and queues of this version, as a user of the broker who may. What is there stays.

    Where the processes' own users may not (broker.declare_queues = false), run it before they start, and after an
    upgrade.
    """
    declare_queues(session_of(context).settings)
    Printer(as_json=as_json).answer({"declared": True}, "the broker has the exchanges and queues of this version")
