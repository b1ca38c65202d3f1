"""Commands on single documents: submit, status, show, erase."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.session import document_id, session_of
from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.pages import Page
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.intake.submit import Upload
from ocr_pipeline.ports.records import COUNTED
from ocr_pipeline.results.render import to_json, to_markdown, to_text

JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
DocumentArgument = Annotated[str, typer.Argument(metavar="DOCUMENT", help="The id of a document.")]
_RENDER = {"text": to_text, "markdown": to_markdown, "json": to_json}


def parse_priority(label: str) -> Priority:
    """The priority a person typed. Raises BadParameter."""
    try:
        return Priority.parse(label)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(submit)
    app.command()(status)
    app.command()(show)
    app.command()(erase)


def submit(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="Files, folders, glob patterns, or s3://bucket/prefix.")],
    priority: Annotated[str, typer.Option(help="urgent, routine or bulk.")] = "routine",
    again: Annotated[bool, typer.Option("--again", help="Take in files that were sent before anew.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hand in files and return at once; workers (or the next `run`) do the rest."""
    session, printer = session_of(context), Printer(as_json=as_json)
    lane = parse_priority(priority)
    client = ClientId(session.settings.client_id)
    with session.open() as app:
        for path in paths:
            for file in app.inputs(path):
                upload = Upload(file.read(), file.label, client, lane, session.actor)
                receipt = app.submit(upload, again=again)
                printer.answer(
                    {
                        "document_id": str(receipt.document_id),
                        "state": receipt.state.value,
                        "duplicate": receipt.duplicate,
                    },
                    f"{receipt.document_id}  {'known already' if receipt.duplicate else 'received'}",
                )


def status(
    context: typer.Context,
    document: Annotated[str | None, typer.Argument(metavar="[DOCUMENT]", help="The id of a document.")] = None,
    state: Annotated[str | None, typer.Option(help="List only documents in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="List at most this many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Say where one document stands, page by page; or count and list all.

    What is more than 10,000 is estimated, so the answer comes at once however many documents there are.
    """
    session, printer = session_of(context), Printer(as_json=as_json)
    with session.open() as app, app.records() as uow:
        if document is not None:
            found = uow.documents.get(document_id(document))
            _one(printer, found, uow.pages.of_document(found.id))
            return
        states = () if state is None else (_state(state),)
        listed = uow.documents.find(states=states, limit=limit)
        counts = uow.counts()
    if as_json:
        printer.json(
            {
                "documents": {key.value: number for key, number in counts.documents.items()},
                "pages": {key.value: number for key, number in counts.pages.items()},
                "open_reviews": counts.open_reviews,
                "estimates_above": COUNTED,
                "listed": [_document(each) for each in listed],
            }
        )
        return
    rows = [(each.id, each.state.value, each.page_count or "", each.reason or "") for each in listed]
    printer.table("Documents", ("document", "state", "pages", "reason"), rows)
    summary = ", ".join(f"{_many(number)} {key.value}" for key, number in counts.documents.items() if number)
    printer.remark(f"{summary or 'no documents'}; {_many(counts.open_reviews)} pages wait for review")


def show(
    context: typer.Context,
    document: DocumentArgument,
    form: Annotated[str, typer.Option("--format", "-f", help="text, markdown or json.")] = "text",
    output: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what a document says, with the state of each page. Reading is recorded in the audit trail."""
    session = session_of(context)
    render = _RENDER.get("json" if as_json else form)
    if render is None:
        raise typer.BadParameter(f"choose one of {', '.join(_RENDER)}", param_hint="--format")
    with session.open() as app:
        text = render(app.read(document_id(document), actor=session.actor))
    if output is None:
        typer.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"the output file cannot be written: {error.strerror}") from error


def erase(
    context: typer.Context,
    document: DocumentArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a document for good: its key, its text and its images. The audit trail stays."""
    session, printer = session_of(context), Printer(as_json=as_json)
    if not yes:
        typer.confirm("Nobody can bring this document back. Erase it?", abort=True)
    with session.open() as app:
        removed = app.erase(document_id(document), actor=session.actor)
    printer.answer({"erased": document, "objects": removed}, f"erased; {removed} objects removed")


def _many(number: int) -> str:
    """A number as it was counted, or two digits of one that is an estimate."""
    if number <= COUNTED:
        return str(number)
    digits = 10 ** (len(str(number)) - 2)
    return f"about {round(number / digits) * digits:,}"


def _state(label: str) -> DocumentState:
    try:
        return DocumentState(label)
    except ValueError:
        known = ", ".join(state.value for state in DocumentState)
        raise typer.BadParameter(f"choose one of {known}", param_hint="--state") from None


def _document(document: Document) -> dict[str, Any]:
    return {
        "document_id": str(document.id),
        "state": document.state.value,
        "reason": document.reason,
        "limit": document.limit,
        "pages": document.page_count,
        "priority": document.priority.label,
        "received_at": document.received_at.isoformat(),
        "updated_at": document.updated_at.isoformat(),
    }


def _one(printer: Printer, document: Document, pages: list[Page]) -> None:
    if printer.as_json:
        printer.json(_document(document) | {"page_states": [_page(page) for page in pages]})
        return
    reason = f" ({document.reason}{', ' + document.limit if document.limit else ''})" if document.reason else ""
    printer.remark(f"{document.id}: {document.state.value}{reason}")
    rows = [
        (
            page.ref.number,
            page.state.value,
            "" if page.confidence is None else f"{page.confidence:.2f}",
            page.attempt,
            ", ".join(page.reasons),
        )
        for page in pages
    ]
    printer.table("Pages", ("page", "state", "confidence", "attempt", "reasons"), rows)


def _page(page: Page) -> dict[str, Any]:
    return {
        "number": page.ref.number,
        "state": page.state.value,
        "confidence": page.confidence,
        "reasons": list(page.reasons),
        "attempt": page.attempt,
        "cached": page.known,
        "suspicions": page.suspicions,
        "engine": page.engine,
        "seconds": page.seconds,
    }
