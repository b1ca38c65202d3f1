"""`ocr-pipeline doctor`: checks everything the pipeline needs, and says how to mend what is missing."""

from __future__ import annotations

import typer

from ocr_pipeline.bootstrap import examine
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.session import session_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check settings, database, object store, keys, broker and recogniser by using each of them."""
    printer = Printer(as_json=as_json)
    findings = list(examine(session_of(context).settings))
    if as_json:
        printer.json([{"part": each.part, "ok": each.problem is None, "detail": each.text} for each in findings])
    else:
        for each in findings:
            mark = "ok  " if each.problem is None else "FAIL"
            printer.answer(None, f"{mark}  {each.part:<14}{each.text}")
    if any(each.problem is not None for each in findings):
        raise typer.Exit(Exit.NOT_READY)
