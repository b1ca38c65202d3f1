"""What every command of bulk runs begins with: the pipeline with its bulk runs, and the run that is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated
from uuid import UUID

import typer

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.bootstrap.bulk import BulkRuns, bulk_runs
from ocr_pipeline.cli.session import Session
from ocr_pipeline.domain.bulk import RunId
from ocr_pipeline.domain.errors import NotFound

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The id of a bulk run; `last` is the newest.")]


@contextmanager
def opened(session: Session) -> Iterator[tuple[Application, BulkRuns]]:
    """The pipeline and its bulk runs."""
    with session.open() as app, ExitStack() as stack:
        yield app, bulk_runs(app, stack)


def run_id(app: Application, text: str) -> RunId:
    """The run that a person means. Raises NotFound."""
    if text == "last":
        with app.records() as uow:
            newest = uow.bulk_runs.find(limit=1)
        if not newest:
            raise NotFound("there is no bulk run yet")
        return newest[0].id
    try:
        return RunId(UUID(text))
    except ValueError:
        raise NotFound("that is not the id of a bulk run: `ocr-pipeline bulk list` shows them") from None
