"""`ocr-pipeline evaluate`: how well the recogniser reads, against ground truth."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    del app
