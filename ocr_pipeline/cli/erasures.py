"""Commands for the notes of erasures: apply, complete."""

from __future__ import annotations

import typer

from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.progress import NowAndThen
from ocr_pipeline.cli.session import session_of


def build() -> typer.Typer:
    """The group."""
    group = typer.Typer(no_args_is_help=True, help="The notes by which erasures outlive a restored backup.")
    group.command("apply")(apply)
    group.command("complete")(complete)
    return group


def apply(context: typer.Context, as_json: JsonOption = False) -> None:
    """After a restore: erase again every document that was erased since the backup. Leaves with 7 for a false note.

    It may be stopped at any time and started again, and changes nothing where nothing came back.
    """
    session, printer = session_of(context), Printer(as_json=as_json)
    erased, refused = 0, list[str]()
    tell = NowAndThen(printer.remark)
    with session.open() as app:
        for step in app.erase_again(actor=session.actor):
            if step.refused:
                refused.append(str(step.document_id))
                printer.remark(f"{step.document_id}: its note was not written by this pipeline, or is damaged")
                continue
            erased += 1
            tell(f"{erased} documents erased again")
    printer.answer(
        {"erased_again": erased, "refused": refused},
        f"erased again: {erased} documents" + (f"; {len(refused)} notes refused" if refused else ""),
    )
    if refused:
        raise typer.Exit(Exit.NOT_INTACT)


def complete(context: typer.Context, as_json: JsonOption = False) -> None:
    """Write the notes that erased documents lack: once, after an upgrade from a version that wrote none."""
    with session_of(context).open() as app:
        written = app.erase_again.note_all()
    Printer(as_json=as_json).answer({"written": written}, f"notes written: {written}")
