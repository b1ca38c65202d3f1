"""`ocr-pipeline evaluate`: how well the recogniser reads, against ground truth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ocr_pipeline.adapters.files.manifests import ManifestFolder, manifests
from ocr_pipeline.bootstrap import reader
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.intake.sniff import sniff
from ocr_pipeline.operations.evaluate import (
    Evaluate,
    FileScore,
    GroupScore,
    ManifestRow,
    ProcessMeter,
    ReadPage,
    Report,
    Use,
    read_manifest,
)
from ocr_pipeline.ports.documents import DocumentOpener
from ocr_pipeline.ports.engine import Engine, RecognitionOptions
from ocr_pipeline.recognition.assess import AssessmentRules, AssessPage

_SET = re.compile(r"[A-Za-z]+")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evaluate)


def evaluate(
    context: typer.Context,
    places: Annotated[list[Path], typer.Argument(metavar="MANIFEST...", help="manifest.jsonl files, or folders.")],
    only: Annotated[str | None, typer.Option(help="Only files whose name matches this regular expression.")] = None,
    texts: Annotated[
        bool, typer.Option("--texts", help="Show misread tokens in the clear: not for real patients' documents.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Read documents with known texts and tell error rates, cost, causes, and mistakes that nobody would notice.

    A manifest has one JSON object a line: file, gt (its text, UTF-8), use (cer, cer_nospace, cer_columns or
    word_recall) and variant. Nothing is kept.
    """
    session, printer = session_of(context), Printer(as_json=as_json)
    folders = [folder for place in places for folder in manifests(place)]
    scores: list[FileScore] = []
    settings = session.settings
    with reader(settings) as (engine, opener):
        read = _Reading(engine, opener, settings.request_timeout_seconds)
        for folder in folders:
            rows = list(_rows(folder, only))
            evaluation = Evaluate(folder, read, ProcessMeter(), settings.min_confidence_threshold)
            for score in evaluation(rows):
                scores.append(score)
                printer.remark(_line(len(scores), score))
    report = Report.of(scores, settings.min_confidence_threshold)
    if as_json:
        printer.json(report.to_json(with_texts=texts))
    else:
        _tell(printer, report, texts=texts)
    if any(score.failure is not None for score in scores):
        raise typer.Exit(Exit.REFUSED)


class _Reading:
    """Reads a document the way the stages do, keeping nothing."""

    def __init__(self, engine: Engine, opener: DocumentOpener, timeout: float) -> None:
        self._engine = engine
        self._opener = opener
        self._options = RecognitionOptions(timeout=timeout)
        self._assess = AssessPage(AssessmentRules())

    def __call__(self, row: ManifestRow, content: bytes) -> Sequence[ReadPage]:
        del row
        with self._opener.open(content, sniff(content)) as opened:
            images = (page.image for page in opened.pages if page.image is not None)
            assessed = [self._assess(self._engine.recognise(image, self._options)) for image in images]
        return [ReadPage(each.page, each.confidence) for each in assessed]


def _rows(folder: ManifestFolder, only: str | None) -> Iterator[ManifestRow]:
    """Rows with the set they belong to: the folder, and the letters that the file's name begins with."""
    for row in read_manifest(folder.text(folder.manifest.name), folder.name):
        if only is None or re.search(only, row.file):
            begin = _SET.match(row.file)
            yield replace(row, group=f"{folder.name}/{begin.group()}" if begin else folder.name)


def _line(number: int, score: FileScore) -> str:
    failed = f", failed: {score.failure}" if score.failure else ""
    return (
        f"{number:4} {score.row.group} {score.row.variant}: error {score.error:.2%}, "
        f"{score.cpu_seconds:.1f} CPU-s{failed}"
    )


def _tell(printer: Printer, report: Report, *, texts: bool) -> None:
    columns = ("set", "variant", "files", "CER", "recall", "review", "CPU-s/page", "critical", "misread", "silent")
    printer.table("Evaluation", columns, [_row(group) for group in report.groups])
    causes: dict[str, int] = {}
    for group in report.groups:
        for cause, count in group.causes.items():
            causes[cause] = causes.get(cause, 0) + count
    told = ", ".join(f"{count} {cause}" for cause, count in sorted(causes.items(), key=lambda each: -each[1]))
    printer.answer(None, f"errors by cause: {told or 'none'}")
    peak = max((group.peak_memory for group in report.groups), default=0)
    pages = sum(group.pages for group in report.groups) or 1
    cost = sum(group.cpu_seconds * group.pages for group in report.groups) / pages
    printer.answer(None, f"{pages} pages, {cost:.2f} CPU-s a page, peak memory {peak / 1024**2:.0f} MiB")
    if texts:
        for score in report.files:
            for each in score.critical.misread:
                mark = "SLIPPED" if each.slipped else "silent" if each.silent else "doubted"
                printer.answer(None, f"{mark:8}{score.row.file}: {each.truth} -> {each.read} ({each.confidence:.2f})")


def _row(group: GroupScore) -> tuple[object, ...]:
    rate = "" if group.use is Use.WORD_RECALL else f"{group.error:.2%}"
    return (
        group.group,
        f"{group.variant} {'' if group.use is Use.CER else group.use.value}".strip(),
        group.files,
        rate,
        f"{group.recall:.3f}",
        f"{group.below_threshold:.0%}",
        f"{group.cpu_seconds:.2f}",
        group.critical,
        group.misread,
        group.silent,
    )
