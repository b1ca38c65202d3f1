"""Commands for the keys that protect everything at rest: create, rotate, list, destroy."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from ocr_pipeline.bootstrap import create_key_file
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.progress import NowAndThen
from ocr_pipeline.cli.session import session_of

_NAMED = 20
"""So many owners of data keys that do not open are named; there may be a million."""


def build() -> typer.Typer:
    """The group."""
    group = typer.Typer(no_args_is_help=True, help="The keys that protect documents at rest.")
    group.command("create")(create)
    group.command("rotate")(rotate)
    group.command("list")(list_keys)
    group.command("destroy")(destroy)
    return group


def create(context: typer.Context, as_json: JsonOption = False) -> None:
    """Make the key file of the settings, once. Without it nothing can be read again: back it up apart from the data."""
    settings = session_of(context).settings
    provider = create_key_file(settings)
    Printer(as_json=as_json).answer(
        {"path": str(settings.key_file), "key_id": provider.current_key_id},
        f"{settings.key_file}: key {provider.current_key_id}. Back this file up apart from the data.",
    )


def rotate(
    context: typer.Context,
    rewrap: Annotated[
        bool, typer.Option("--rewrap/--no-rewrap", help="Wrap everything under it now, or leave that for later.")
    ] = True,
    rewrap_only: Annotated[
        bool, typer.Option("--rewrap-only", help="Make no new key; begin or finish wrapping under the current one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new wrapping key and wrap every data key under it: of documents, bulk runs, held events and listings.

    Objects are not touched. It may be stopped at any time: with --rewrap-only it goes on. Where several machines have
    a copy of the key file, use --no-rewrap, give all of them the new file, and only then --rewrap-only.

    A data key that does not open, as the key that wraps it is gone, is named and left as it is; then it leaves with 7.
    """
    if rewrap_only and not rewrap:
        raise typer.BadParameter("--no-rewrap and --rewrap-only leave nothing to do")
    session, printer = session_of(context), Printer(as_json=as_json)
    done: Counter[str] = Counter()
    unopened: Counter[str] = Counter()
    tell = NowAndThen(printer.remark)
    with session.open() as app:
        if not rewrap_only:
            app.rotate_key()
        before = app.rewrap.in_use()
        for seen, step in enumerate(app.rewrap(actor=session.actor) if rewrap else (), start=1):
            done[step.owner.kind.value] += step.rewrapped
            if step.fault is not None:
                unopened[step.fault.code] += 1
                if unopened.total() <= _NAMED:
                    printer.remark(f"{step.owner.kind.value} {step.owner.id} stays as it is: {step.fault}")
            tell(f"{seen} of {before.left} data keys seen, {done.total()} rewrapped")
        left = app.rewrap.in_use().left
    printer.answer(
        {
            "key_id": before.current,
            "rewrapped": done.total(),
            "by_kind": dict(done),
            "unopened": dict(unopened),
            "left": left,
        },
        f"current key {before.current}: {done.total()} data keys rewrapped, {left} left",
    )
    if unopened:
        printer.remark(f"{unopened.total()} data keys do not open: put the key back that `keys list` names for them")
        raise typer.Exit(Exit.NOT_INTACT)
    if rewrap and left:
        printer.remark("what was left came under an older key meanwhile: run again with --rewrap-only")
        raise typer.Exit(Exit.UNAVAILABLE)


def list_keys(context: typer.Context, as_json: JsonOption = False) -> None:
    """Which wrapping keys are in use, and how many data keys each wraps."""
    printer = Printer(as_json=as_json)
    with session_of(context).open() as app:
        in_use = app.rewrap.in_use()
    lines = [f"{tally.key_id}  {tally.kind.value}  {tally.count}" for tally in in_use.tallies]
    printer.answer(
        {
            "current": in_use.current,
            "in_use": [
                {"key_id": each.key_id, "kind": each.kind.value, "count": each.count} for each in in_use.tallies
            ],
        },
        "\n".join([f"current key {in_use.current}", *lines]),
    )


def destroy(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The id of an older wrapping key.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take an older wrapping key out of the key file for good. Refused while anything is wrapped under it.

    Backups made before the rotation can never be read again, unless a copy of the key file is kept for them.
    """
    if not yes:
        typer.confirm(f"Destroy {key_id} for good? Backups from before its rotation become unreadable.", abort=True)
    with session_of(context).open() as app:
        app.destroy_key(key_id)
    Printer(as_json=as_json).answer({"destroyed": key_id}, f"{key_id} is destroyed")
