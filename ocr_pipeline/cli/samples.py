"""`ocr-pipeline samples`: invented medical pages with their ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(samples)


def samples(
    folder: Annotated[Path, typer.Argument(help="Where the pages go.")],
) -> None:
    """Write the set of invented sample documents, with ground truth, to a folder."""
    raise NotImplementedError(folder)
