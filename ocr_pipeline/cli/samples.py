"""`ocr-pipeline samples`: invented medical pages with their ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(samples)


def samples(
    folder: Annotated[Path, typer.Argument(help="Where the documents, their texts and manifest.jsonl go.")],
    number: Annotated[
        int, typer.Option("--count", "-n", min=0, help="How many documents to draw; 0 makes the shipped set.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same documents.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Make medical documents of invented patients, with exact ground truth.

    Prescriptions, certificates, charts, laboratory reports and discharge summaries, Korean and English; clean, scanned,
    faxed and photographed. Try `ocr-pipeline evaluate FOLDER` on them.
    """
    from ocr_pipeline.samples import generate, random_specs, write_shipped

    folder.mkdir(parents=True, exist_ok=True)
    rows = generate(random_specs(number, seed), folder) if number else write_shipped(folder)
    pages = sum(row.pages for row in rows)
    Printer(as_json=as_json).answer(
        {"documents": len(rows), "pages": pages, "folder": str(folder)},
        f"{len(rows)} documents, {pages} pages in {folder}",
    )
