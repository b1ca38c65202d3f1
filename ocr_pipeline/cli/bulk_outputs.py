"""Commands that give out what a bulk run came to: its report, the list of its items, their texts."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from ocr_pipeline.adapters.files.outputs import OutputFolder
from ocr_pipeline.bootstrap.bulk_outputs import ListedItem, draw_report
from ocr_pipeline.cli.bulk_follow import describe, report_to_json
from ocr_pipeline.cli.bulk_session import RunArgument, opened, run_id
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.domain.bulk import ItemState
from ocr_pipeline.domain.errors import OutputFailed
from ocr_pipeline.results.render import to_json, to_markdown, to_text

_RENDERINGS = {"text": (".txt", to_text), "markdown": (".md", to_markdown), "json": (".json", to_json)}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(report)
    app.command()(export)


def report(
    context: typer.Context,
    run: RunArgument = "last",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the report to this HTML file.")] = None,
    items: Annotated[Path | None, typer.Option("--csv", help="Write a list of all items to this CSV file.")] = None,
    with_names: Annotated[
        bool, typer.Option("--with-names", help="Name the files in the CSV. File names may name patients.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a run came to: pages, refusals, speed, cost, what is left. In HTML it is one file to print or send."""
    session, printer = session_of(context), Printer(as_json=as_json)
    with opened(session) as (app, bulk):
        found = run_id(app, run)
        made = bulk.outputs.report(found)
        if out is not None:
            _write(out, draw_report(made))
        if items is not None:
            _write_items(items, bulk.outputs.items(found, names=with_names), names=with_names)
    printer.answer(report_to_json(made), describe(made))


def export(
    context: typer.Context,
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the texts go, named after their files.")],
    form: Annotated[list[str] | None, typer.Option("--format", "-f", help="text, markdown, json; repeatable.")] = None,
    item: Annotated[int | None, typer.Option(min=1, help="Only this item.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the text of every item that is done, the parts of long charts joined again. Reading is audited.

    Pages that wait for a person are written with a note; run it again for their final text.
    """
    unknown = [name for name in form or () if name not in _RENDERINGS]
    if unknown:
        raise typer.BadParameter(f"choose among {', '.join(_RENDERINGS)}", param_hint="--format")
    wanted = [_RENDERINGS[name] for name in form or ("text",)]
    session, printer, folder = session_of(context), Printer(as_json=as_json), OutputFolder(out)
    written = skipped = unnamed = 0
    with opened(session) as (app, bulk):
        for listed in bulk.outputs.items(run_id(app, run), names=True, states=(ItemState.DONE, ItemState.FAILED)):
            if item is not None and listed.item.number != item:
                continue
            result = bulk.outputs.text(listed, actor=session.actor)
            if result is None:
                skipped += 1
                continue
            unnamed += listed.source is None
            folder.write(_label(listed), {suffix: render(result) for suffix, render in wanted})
            written += 1
    printer.answer(
        {"written": written, "skipped": skipped, "unnamed": unnamed, "output": str(out)},
        f"{written} texts in {out}" + (f", {skipped} items without text" if skipped else ""),
    )
    if not written:
        raise typer.Exit(Exit.NOT_FOUND)


def _label(listed: ListedItem) -> str:
    if listed.source is None:
        return f"item-{listed.item.number}"
    return listed.source.name.encode("utf-8", "replace").decode()


def _write(place: Path, text: str) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"the report cannot be written: {error.strerror}") from error


_COLUMNS = ("item", "line", "state", "code", "pages", "seconds", "documents", "duplicate_of")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def _write_items(place: Path, items: Iterable[ListedItem], *, names: bool) -> None:
    """One line an item. A name that a spreadsheet would take for a formula is kept from being one."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow((*_COLUMNS, "name", "reference") if names else _COLUMNS)
            for listed in items:
                writer.writerow(_cells(listed, names=names))
    except OSError as error:
        raise OutputFailed(f"the list of items cannot be written: {error.strerror}") from error


def _cells(listed: ListedItem, *, names: bool) -> list[object]:
    item, seconds = listed.item, listed.item.seconds
    cells: list[object] = [
        item.number,
        item.line,
        item.state.value,
        item.code,
        item.pages,
        None if seconds is None else round(seconds, 3),
        " ".join(str(segment.document_id) for segment in listed.segments),
        item.duplicate_of,
    ]
    if names:
        cells += ["" if listed.source is None else _plain(_label(listed))]
        cells += ["" if listed.source is None else _plain(listed.source.reference or "")]
    return cells


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
