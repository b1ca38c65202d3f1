"""Commands of bulk runs: create, start, pause, resume, cancel, status, list."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.bootstrap.bulk import BulkRuns
from ocr_pipeline.bulk.create import Listed, Wish
from ocr_pipeline.bulk.sealed import About, open_about
from ocr_pipeline.cli import bulk_outputs
from ocr_pipeline.cli.bulk_follow import describe, drive, report_to_json, watch
from ocr_pipeline.cli.bulk_session import RunArgument, opened, run_id
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.progress import NowAndThen
from ocr_pipeline.cli.session import Session, session_of
from ocr_pipeline.domain.bulk import BulkRun, ItemState, RunId
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import InputMissing
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.priorities import is_sensible
from ocr_pipeline.domain.window import Window

NowOption = Annotated[bool, typer.Option("--now", help="Do not wait for the window, now or later.")]
FollowOption = Annotated[bool, typer.Option("--follow", help="Stay and show how it goes on, until it is finished.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the answer.")]


def build() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(
        no_args_is_help=True, help="Large sets of files, digitised at night: each file once, all of them accounted for."
    )
    app.command("list")(list_runs)
    for command in (create, start, pause, resume, cancel, status):
        app.command()(command)
    bulk_outputs.register(app)
    return app


def create(
    context: typer.Context,
    source: Annotated[
        str | None, typer.Argument(help="A folder or s3://bucket/prefix; by default the folder of the manifest.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="CSV or JSON lines that name files below SOURCE, one a line.")
    ] = None,
    label: Annotated[str, typer.Option(help="A name for lists and reports. Never one of a patient.")] = "",
    deadline: Annotated[
        datetime | None,
        typer.Option(help="When all of it is needed, in the time zone of the window.", formats=["%Y-%m-%dT%H:%M"]),
    ] = None,
    window: Annotated[str | None, typer.Option(help="Hand out only at these hours, e.g. 22:00-06:00.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="The time zone of the window, e.g. Asia/Seoul.")] = None,
    any_time: Annotated[bool, typer.Option("--any-time", help="No window: hand out at any hour.")] = False,
    kind: Annotated[str, typer.Option("--type", help="prescription, certificate, chart or other.")] = "other",
    going_on: Annotated[
        str | None, typer.Option("--continue", metavar="RUN", help="Go on with a list that was interrupted.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write down every file of a folder, prefix or manifest, to be handed out later. Nothing is read yet.

    Bad lines of a manifest and files named twice are kept as such. Interrupted, it goes on with `--continue RUN`.
    """
    session, printer = session_of(context), Printer(as_json=as_json)
    known = _kind(kind)
    with opened(session) as (app, bulk):
        if going_on is None:
            hours = None if any_time else _window(session, window, time_zone)
            zone = ZoneInfo(session.settings.bulk.time_zone if hours is None else hours.zone)
            about = _about(source, manifest, label)
            wish = Wish(
                ClientId(session.settings.client_id),
                about,
                hours,
                None if deadline is None else _deadline(deadline.replace(tzinfo=zone)),
                session.actor,
            )
            files = bulk.list_files(about, known)
            run = bulk.create.begin(wish)
            printer.remark(f"bulk run {run.id}")
        else:
            with app.records() as uow:
                run = uow.bulk_runs.get(run_id(app, going_on))
            files = bulk.list_files(open_about(app.vault, run), known)
        listed, tell = Listed(), NowAndThen(printer.remark)
        for listed in bulk.create.fill(run.id, files, actor=session.actor):
            tell(f"{listed.items} files listed")
        if not listed.items:
            bulk.control.cancel(run.id, actor=session.actor)
            raise InputMissing("there are no files to list")
        # All of them, also those that an earlier start of the same list wrote down.
        bad_lines, duplicates = _left_out(app, run)
    printer.answer(
        {
            "run_id": str(run.id),
            "items": listed.items,
            "refused": sum(bad_lines.values()),
            "bad_lines": bad_lines,
            "duplicates": duplicates,
            "window": None if run.window is None else str(run.window),
        },
        f"{run.id}: {listed.items} files listed, {sum(bad_lines.values())} bad lines"
        + (f" ({', '.join(f'{code}: {many}' for code, many in bad_lines.items())})" if bad_lines else "")
        + f", {duplicates} named twice",
    )


def start(
    context: typer.Context,
    run: RunArgument,
    now: NowOption = False,
    follow: FollowOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a run hand out within its window.

    Without a broker this process does the work and shows it: stop it at any time and start the run again to go on.
    With one the bulk worker does, and this returns at once.
    """
    session, printer = session_of(context), Printer(as_json=as_json)
    with opened(session) as (app, bulk):
        started = bulk.control.start(run_id(app, run), actor=session.actor, now=now)
        if app.standby is not None:
            drive(app, bulk, started.id, printer, quiet=quiet or as_json)
        elif follow:
            watch(bulk, started.id, printer, quiet=quiet or as_json)
        _answer(printer, bulk, started.id)


def resume(
    context: typer.Context,
    run: RunArgument,
    now: NowOption = False,
    follow: FollowOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a paused run, as `start` does."""
    start(context, run, now=now, follow=follow, quiet=quiet, as_json=as_json)


def pause(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Hand out no more; what is under way comes to its end."""
    session, printer = session_of(context), Printer(as_json=as_json)
    with opened(session) as (app, bulk):
        paused = bulk.control.pause(run_id(app, run), actor=session.actor)
        _answer(printer, bulk, paused.id)


def cancel(
    context: typer.Context,
    run: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hand out no more, for good; what is under way comes to its end."""
    session, printer = session_of(context), Printer(as_json=as_json)
    if not yes:
        typer.confirm("A cancelled run cannot be resumed. Cancel it?", abort=True)
    with opened(session) as (app, bulk):
        cancelled = bulk.control.cancel(run_id(app, run), actor=session.actor)
        _answer(printer, bulk, cancelled.id)


def status(context: typer.Context, run: RunArgument = "last", as_json: JsonOption = False) -> None:
    """Say where a run stands, and when it will be finished."""
    printer = Printer(as_json=as_json)
    with opened(session_of(context)) as (app, bulk):
        _answer(printer, bulk, run_id(app, run))


def list_runs(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="List at most this many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    printer = Printer(as_json=as_json)
    with session_of(context).open() as app:
        with app.records() as uow:
            runs = uow.bulk_runs.find(limit=limit)
        labels = [open_about(app.vault, run).label for run in runs]
    if printer.as_json:
        printer.json([_listed(run, label) for run, label in zip(runs, labels, strict=True)])
        return
    rows = [
        (run.id, run.state.value, f"{run.created_at:%Y-%m-%d %H:%M}Z", run.window or "any time", label)
        for run, label in zip(runs, labels, strict=True)
    ]
    printer.table("Bulk runs", ("run", "state", "created", "window", "label"), rows)


def _left_out(app: Application, run: BulkRun) -> tuple[dict[str, int], int]:
    """What of a list will not be handed out: bad lines by code, and how many files were named before."""
    with app.records() as uow:
        tallies = uow.bulk_figures.tallies(run.id)
    bad_lines = {tally.code: tally.items for tally in tallies if tally.state is ItemState.REFUSED and tally.code}
    return bad_lines, sum(tally.items for tally in tallies if tally.state is ItemState.DUPLICATE)


def _answer(printer: Printer, bulk: BulkRuns, run: RunId) -> None:
    report = bulk.outputs.report(run)
    printer.answer(report_to_json(report), describe(report))


def _listed(run: BulkRun, label: str) -> dict[str, Any]:
    return {
        "run_id": str(run.id),
        "state": run.state.value,
        "label": label,
        "created_at": run.created_at.isoformat(),
        "window": None if run.window is None else str(run.window),
        "deadline": None if run.deadline is None else run.deadline.isoformat(),
    }


def _deadline(wanted: datetime) -> datetime:
    if not is_sensible(wanted, datetime.now(UTC)):
        raise typer.BadParameter("--deadline has passed, or is more than ten years ahead")
    return wanted.astimezone(UTC)


def _about(source: str | None, manifest: Path | None, label: str) -> About:
    if source is None and manifest is None:
        raise typer.BadParameter("name a folder, an s3:// prefix or a manifest", param_hint="SOURCE")
    if manifest is not None and not manifest.is_file():
        raise InputMissing("there is no such manifest", place=str(manifest))
    base = str(manifest.absolute().parent) if source is None and manifest is not None else source or ""
    if not base.startswith("s3://"):
        if not Path(base).is_dir():
            raise InputMissing("there is no such folder", place=base)
        base = str(Path(base).resolve())
    return About(label, base, None if manifest is None else str(manifest.resolve()))


def _window(session: Session, hours: str | None, zone: str | None) -> Window | None:
    settings = session.settings.bulk
    try:
        if hours is not None:
            return Window.parse(hours, zone or settings.time_zone)
        nightly = settings.nightly()
        return nightly if nightly is None or zone is None else Window(nightly.opens, nightly.closes, zone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--window") from None


def _kind(label: str) -> DocumentKind:
    try:
        return DocumentKind(label)
    except ValueError:
        known = ", ".join(kind.value for kind in DocumentKind)
        raise typer.BadParameter(f"choose one of {known}", param_hint="--type") from None
