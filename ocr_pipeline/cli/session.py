"""What every command is given: settings, and the pipeline opened for as long as the command runs."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import typer

from ocr_pipeline.bootstrap import Application, application
from ocr_pipeline.domain.errors import NotFound
from ocr_pipeline.domain.ids import DocumentId, ReviewId
from ocr_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command line."""

    settings: Settings
    config: Path | None = None

    @property
    def actor(self) -> str:
        """The person at the keyboard, as the audit trail names them."""
        return f"cli:{getpass.getuser()}"

    @contextmanager
    def open(self) -> Iterator[Application]:
        """The pipeline, closed again when the command ends."""
        with application(self.settings) as app:
            yield app


def session_of(context: typer.Context) -> Session:
    """The session that the top-level command made."""
    session = context.find_object(Session)
    if session is None:
        raise RuntimeError("no session: the top-level callback did not run")
    return session


def document_id(text: str) -> DocumentId:
    """The id a person typed. Raises NotFound when it is none."""
    return DocumentId(_uuid(text, "document"))


def review_id(text: str) -> ReviewId:
    """The id a person typed. Raises NotFound when it is none."""
    return ReviewId(_uuid(text, "review item"))


def _uuid(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"that is not the id of a {what}: ids look like 01890a5d-ac96-774b-bcce-b302099a8057") from None
