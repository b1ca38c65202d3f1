"""`ocr-pipeline run`: a set of files in, a folder of texts out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from ocr_pipeline.adapters.files.outputs import OutputFolder
from ocr_pipeline.bootstrap import Application
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption, parse_priority
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.progress import RunDisplay, run_display
from ocr_pipeline.cli.session import Session, session_of
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.intake.submit import Upload
from ocr_pipeline.operations.run import Followed, Progress, Settled, Turned
from ocr_pipeline.ports.inputs import InputFile
from ocr_pipeline.results.read import DocumentResult
from ocr_pipeline.results.render import to_json, to_markdown, to_text

_RENDERINGS = {".txt": to_text, ".md": to_markdown, ".json": to_json}
_BAD_STATES = {DocumentState.REJECTED, DocumentState.FAILED, DocumentState.CANCELLED, DocumentState.ERASED}


@dataclass(slots=True)
class Summary:
    """What a run came to."""

    states: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    confidences: list[float] = field(default_factory=list)
    turned: list[tuple[str, str, str]] = field(default_factory=list)
    repeated: int = 0
    last: Progress | None = None

    @property
    def confidence(self) -> float | None:
        """Mean over the pages that were read."""
        return sum(self.confidences) / len(self.confidences) if self.confidences else None

    def add(self, result: DocumentResult) -> None:
        """Count a document's pages."""
        for page in result.pages:
            self.pages[page.state.value] += 1
            if page.confidence is not None and page.state is not PageState.BLANK:
                self.confidences.append(page.confidence)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def run(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="Files, folders, glob patterns, or s3://bucket/prefix.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the .txt, .md and .json of each file go.")] = Path(
        "ocr-output"
    ),
    priority: Annotated[str, typer.Option(help="urgent, routine or bulk.")] = "bulk",
    again: Annotated[bool, typer.Option("--again", help="Recognise files that were recognised before anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the summary.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Recognise files and write their text, with a confidence, to a folder.

    Stop it at any time and run the same command again: it goes on where it was, and nothing is recognised twice.
    Pages that a machine must not accept wait in `ocr-pipeline review list`; their text is written with a note.
    """
    session, printer = session_of(context), Printer(as_json=as_json)
    lane = parse_priority(priority)
    with session.open() as app:
        files = [file for path in paths for file in app.inputs(path)]
        with run_display(printer.err, quiet=quiet or as_json) as display:
            summary = _follow(session, app, files, OutputFolder(out), display, lane=lane, again=again)
        open_reviews = len(app.desk.waiting(limit=10_000))
    _report(printer, session, out, summary, open_reviews)
    if summary.turned or any(summary.states[state.value] for state in _BAD_STATES):
        raise typer.Exit(Exit.REFUSED)


def _follow(
    session: Session,
    app: Application,
    files: list[InputFile],
    output: OutputFolder,
    display: RunDisplay,
    *,
    lane: Priority,
    again: bool,
) -> Summary:
    summary = Summary()
    client = ClientId(session.settings.client_id)

    def submit(file: InputFile, content: bytes) -> tuple[Any, bool]:
        receipt = app.submit(Upload(content, file.label, client, lane, session.actor), again=again)
        return receipt.document_id, receipt.duplicate

    with app.workers() as wait:
        for event in app.follow(submit, wait)(files):
            match event:
                case Progress():
                    summary.last = event
                    display.update(event, summary.confidence)
                case Turned():
                    summary.turned.append((event.label, event.reason, event.message))
                    display.remark(f"{event.label}: refused, {event.message} [{event.reason}]")
                case Followed():
                    summary.repeated += event.duplicate
                case Settled():
                    _settled(session, app, event, output, display, summary)
    return summary


def _settled(
    session: Session,
    app: Application,
    event: Settled,
    output: OutputFolder,
    display: RunDisplay,
    summary: Summary,
) -> None:
    document, label = event.document, event.followed.label
    summary.states[document.state.value] += 1
    if document.state in _BAD_STATES:
        limit = f", limit {document.limit}" if document.limit else ""
        display.remark(f"{label}: {document.state.value} [{document.reason or 'no reason'}{limit}]")
        if document.state is not DocumentState.FAILED:
            return
    result = app.read(document.id, actor=session.actor)
    summary.add(result)
    if output.missing(label, tuple(_RENDERINGS), document.updated_at.timestamp()):
        output.write(label, {suffix: render(result) for suffix, render in _RENDERINGS.items()})


def _report(printer: Printer, session: Session, out: Path, summary: Summary, open_reviews: int) -> None:
    elapsed = summary.last.elapsed if summary.last is not None else 0.0
    pages = sum(summary.pages.values())
    if printer.as_json:
        printer.json(
            {
                "documents": dict(summary.states),
                "pages": dict(summary.pages),
                "known_already": summary.repeated,
                "refused": [
                    {"file": label, "reason": reason, "message": message} for label, reason, message in summary.turned
                ],
                "mean_confidence": summary.confidence,
                "open_reviews": open_reviews,
                "seconds": elapsed,
                "output": str(out),
                "data": str(session.settings.home),
            }
        )
        return
    documents = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sorted(summary.states.items()))
    states = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sorted(summary.pages.items()))
    known = f" ({summary.repeated} known already)" if summary.repeated else ""
    printer.answer(None, f"documents   {documents or 'none'}{known}")
    printer.answer(None, f"pages       {pages}: {states or 'none'}")
    if summary.turned:
        printer.answer(None, f"refused     {len(summary.turned)} files, see above")
    if summary.confidence is not None:
        printer.answer(None, f"confidence  {summary.confidence:.3f} on average")
    printer.answer(None, f"time        {elapsed:.1f} s")
    printer.answer(None, f"text        {out}")
    if open_reviews:
        printer.answer(None, f"review      {open_reviews} pages wait: ocr-pipeline review list")
    if session.settings.database.url is None:
        printer.answer(None, f"data        {session.settings.home} (encrypted objects, database, keys)")
