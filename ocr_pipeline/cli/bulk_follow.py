"""A bulk run as it goes on: driven by this process, or watched while others drive it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.bootstrap.bulk import BulkRuns
from ocr_pipeline.bulk.hand_out import Halt
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.progress import NowAndThen
from ocr_pipeline.domain.bulk import OPEN_ITEMS, RunId, RunState
from ocr_pipeline.ports.bulk_report import RunReport

_BUSY_SECONDS = 0.25
_SHUT_SECONDS = 2.0
_SHOW_SECONDS = 1.0
_PLAIN_SECONDS = 10.0
_OVER = {RunState.FINISHED, RunState.CANCELLED}

Show = Callable[[RunReport], None]


def drive(app: Application, bulk: BulkRuns, run_id: RunId, printer: Printer, *, quiet: bool) -> None:
    """Hand out and work in this process until the run is over, or somebody pauses it.

    A cancelled run is followed until what was handed out has ended. Raises what stops the work.
    """
    with app.workers() as wait, _display(printer.err, quiet=quiet) as show:
        looked = 0.0
        while True:
            stepped = bulk.step.step(run_id)
            if time.monotonic() - looked >= _SHOW_SECONDS:
                looked = time.monotonic()
                show(bulk.outputs.report(run_id, slowest=0))
            if stepped.halt is Halt.NOT_RUNNING and _at_rest(app, run_id):
                return
            idle = stepped.halt is Halt.WINDOW_SHUT and not stepped.settled
            wait(_SHUT_SECONDS if idle else _BUSY_SECONDS)


def watch(bulk: BulkRuns, run_id: RunId, printer: Printer, *, quiet: bool) -> None:
    """Show how a run goes on until it is over or paused."""
    with _display(printer.err, quiet=quiet) as show:
        while True:
            report = bulk.outputs.report(run_id, slowest=0)
            show(report)
            if report.run.state is not RunState.RUNNING:
                return
            time.sleep(_SHUT_SECONDS)


def _at_rest(app: Application, run_id: RunId) -> bool:
    """Whether nothing of a run that hands out no more is under way."""
    with app.records() as uow:
        tallies = uow.bulk_figures.tallies(run_id)
    return not any(tally.state.value == "handed_out" and tally.items for tally in tallies)


def describe(report: RunReport) -> str:
    """What `status` says to people, in a few lines."""
    run, done = report.run, report.total_items - report.forecast.items_left
    shown = {state: number for state, number in report.items.items() if number}
    lines = [
        f"run        {run.id} {report.label}".rstrip(),
        f"state      {run.state.value}{_window_note(report)}",
        f"files      {done} of {report.total_items} done with"
        + "".join(f", {number} {state.value.replace('_', ' ')}" for state, number in shown.items()),
        f"pages      {report.pages_read} read" + _share(report),
    ]
    if report.pages_per_second is not None:
        lines.append(f"speed      {report.pages_per_second:.2f} pages/s while at work")
    if report.cost is not None:
        lines.append(f"cost       about {report.cost.amount:.2f} {report.cost.prices.currency}")
    if report.forecast.expected_at is not None:
        lines.append(f"finished   about {_local(report.forecast.expected_at, report)}{_verdict(report)}")
    return "\n".join(lines)


def report_to_json(report: RunReport) -> dict[str, Any]:
    """What `status` and `report` say to machines. Ids and figures only, and the label."""
    run, forecast = report.run, report.forecast
    return {
        "run_id": str(run.id),
        "label": report.label,
        "state": run.state.value,
        "window": None if run.window is None else str(run.window),
        "unbounded": run.unbounded,
        "created_at": run.created_at.isoformat(),
        "started_at": _iso(run.started_at),
        "ended_at": _iso(run.ended_at),
        "deadline": _iso(run.deadline),
        "items": {state.value: number for state, number in report.items.items()},
        "codes": [
            {"state": tally.state.value, "code": tally.code, "items": tally.items}
            for tally in report.tallies
            if tally.code is not None
        ],
        "pages": {state.value: number for state, number in report.pages.items()},
        "review_share": report.review_share,
        "pages_per_second": report.pages_per_second,
        "busy_seconds": report.busy_seconds,
        "engine_seconds": report.engine_seconds,
        "cost": None if report.cost is None else report.cost.amount,
        "currency": None if report.cost is None else report.cost.prices.currency,
        "throughput": [
            {"start": each.start.isoformat(), "items": each.items, "pages": each.pages} for each in report.throughput
        ],
        "slowest": [
            {
                "item": slow.number,
                "documents": [str(each) for each in slow.documents],
                "pages": slow.pages,
                "seconds": slow.seconds,
            }
            for slow in report.slowest
        ],
        "items_left": forecast.items_left,
        "expected_at": _iso(forecast.expected_at),
        "window_seconds_left": forecast.window_seconds_left,
        "finishes_in_window": forecast.in_window,
        "meets_deadline": forecast.in_time,
        "events": [
            {"at": event.at.isoformat(), "state": event.state.value, "actor": event.actor} for event in report.events
        ],
    }


def progress_line(report: RunReport) -> str:
    """One line of how a run goes on."""
    parts = [f"{report.total_items - report.forecast.items_left}/{report.total_items} files"]
    parts.append(f"{report.pages_read} pages")
    if report.pages_per_second is not None:
        parts.append(f"{report.pages_per_second:.2f} pages/s")
    if report.forecast.window_seconds_left == 0:
        parts.append(f"waiting for the window {report.run.window}")
    elif report.forecast.expected_at is not None:
        parts.append(f"until about {_local(report.forecast.expected_at, report)}")
    return ", ".join(parts)


@contextmanager
def _display(console: Console, *, quiet: bool) -> Iterator[Show]:
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("starting", total=None)

            def update(report: RunReport) -> None:
                done = report.total_items - sum(report.items[state] for state in OPEN_ITEMS)
                bar.update(task, total=report.total_items, completed=done, description=progress_line(report))

            yield update
    else:
        tell = NowAndThen(lambda line: console.print(line, markup=False), seconds=_PLAIN_SECONDS, at_once=True)
        yield lambda report: tell(progress_line(report))


def _window_note(report: RunReport) -> str:
    window, left = report.run.open_window, report.forecast.window_seconds_left
    if window is None or left is None:
        return "" if report.run.window is None else f", outside its window {report.run.window} too"
    if not left:
        return f", the window {window} is shut"
    minutes = round(left / 60)
    return f", the window {window} is open for {minutes // 60} h {minutes % 60:02} min more"


def _share(report: RunReport) -> str:
    return "" if report.review_share is None else f", {report.review_share:.1%} for a person to look at"


def _verdict(report: RunReport) -> str:
    notes = []
    if report.forecast.in_window is not None:
        notes.append("in this window" if report.forecast.in_window else "not in this window")
    if report.forecast.in_time is not None:
        notes.append("before the deadline" if report.forecast.in_time else "AFTER THE DEADLINE")
    return f" ({', '.join(notes)})" if notes else ""


def _local(moment: datetime, report: RunReport) -> str:
    zone = None if report.run.window is None else ZoneInfo(report.run.window.zone)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
